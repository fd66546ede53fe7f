import { v4 as uuid } from 'uuid';
import type { Connections } from '../shared/connections.ts';
import type { Logger } from '../shared/logger.ts';
import type { Registry } from '../shared/metrics/registry.ts';
import type { Models } from '../shared/models.ts';
import { createAttemptMetrics } from './attempt-metrics.ts';
import { type Claims, createClaims } from './claims.ts';
import type { WorkerConfig } from './config.ts';
import type { FetchUrl } from './fetch-url.ts';
import { gatherAttemptCalls } from './gathered-calls.ts';
import { createGemini } from './gemini.ts';
import { observeGemini } from './gemini-metrics.ts';
import { createHeartbeat, type Heartbeat } from './heartbeat.ts';
import type { ImageFiles } from './image-files.ts';
import { createJobWorker, type JobWorker } from './job-worker.ts';
import { keepDownloads } from './kept-downloads.ts';
import { createMakeImage } from './make-image.ts';
import { createProcessGeneration } from './process-generation.ts';
import { createReconcile, type Reconcile } from './reconcile.ts';
import { createReportOutcome } from './report-outcome.ts';
import { createRetryDelay } from './retry-delay.ts';
import { createShrinkImage } from './shrink-image.ts';
import { createSlotGauges } from './slot-gauges.ts';
import { createSlots, type Slots } from './slots.ts';
import { createStuckWatch } from './stuck-watch.ts';
import { createThumbnails } from './thumbnails.ts';
import { traceReport } from './trace-attempt.ts';
import { traceFetchUrl, traceGemini } from './trace-calls.ts';

/** A worker's parts, put together; nothing runs yet. */
export type WorkerParts = {
  id: string;
  claims: Claims;
  heartbeat: Heartbeat;
  jobs: JobWorker;
  reconcile: Reconcile;
  slots: Slots;
  /** Its abort ends reports that are still being repeated. */
  leaving: AbortController;
};

export function assembleWorker(
  config: WorkerConfig,
  connections: Connections,
  log: Logger,
  {
    models,
    registry,
    onStuck,
    fetchUrl,
    imageFiles,
  }: {
    models: Models;
    registry: Registry;
    onStuck: () => void;
    fetchUrl: FetchUrl;
    imageFiles: ImageFiles;
  },
): WorkerParts {
  const id = uuid();
  const claims = createClaims();
  const leaving = new AbortController();
  const slots = createSlots(config.WORKER_CONCURRENCY);
  const { tracing } = connections;
  const worker = { id, host: config.WORKER_HOST };
  const heartbeat = createHeartbeat({ ...connections, claims, worker, slots: slots.count, log });
  const hasRoom = () => claims.list().length < slots.count();
  const stuckAfterMs = config.STUCK_AFTER_MS;
  const stuckWatch = createStuckWatch({ ...connections, hasRoom, stuckAfterMs, onStuck, log });
  const calls = gatherAttemptCalls({ ...connections, workerId: id, log });
  const report = createReportOutcome({
    ...connections,
    ...calls,
    retryDelay: createRetryDelay({ baseMs: config.RETRY_BASE_MS, capMs: config.RETRY_CAP_MS }),
    leaving: leaving.signal,
    log,
  });
  createSlotGauges(registry, slots);
  const gemini = observeGemini(
    createGemini({ ...geminiOptions(config), files: imageFiles }),
    models,
    registry,
  );
  const processGeneration = createProcessGeneration({
    ...connections,
    ...calls,
    claims,
    slots,
    workerId: id,
    makeImage: createMakeImage({
      ...connections,
      references: keepDownloads(connections.storage),
      models,
      imageFiles,
      gemini: traceGemini(gemini, tracing),
      fetchUrl: traceFetchUrl(fetchUrl, tracing),
      shrinkImage: createShrinkImage(),
      thumbnails: createThumbnails({ ...connections, log }),
      heartbeat,
      log,
    }),
    report: traceReport(report, tracing),
    ...createAttemptMetrics(registry),
    heartbeat,
    log,
  });
  const jobs = createJobWorker({
    redisUrl: config.REDIS_URL,
    prefix: config.QUEUE_PREFIX,
    concurrency: slots.jobs,
    lockMs: config.JOB_LOCK_MS,
    stalledCheckMs: config.JOB_STALLED_CHECK_MS,
    processGeneration: (imageId) => {
      stuckWatch.taken();
      return processGeneration(imageId);
    },
    log,
  });
  const everyMs = config.RECONCILE_EVERY_MS;
  const reconcile = createReconcile({ ...connections, workerId: id, everyMs, log });
  reconcile.every('stuck_watch', stuckWatch.everyMs, stuckWatch.look);
  return { id, claims, heartbeat, jobs, reconcile, slots, leaving };
}

function geminiOptions(config: WorkerConfig) {
  return {
    apiKey: config.GEMINI_API_KEY,
    baseUrl: config.GEMINI_BASE_URL,
    timeoutMs: config.GEMINI_TIMEOUT_MS,
  };
}
