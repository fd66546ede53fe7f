import { setTimeout as delay } from 'node:timers/promises';
import { type Connections, openConnections } from '../shared/connections.ts';
import { createCheckDependencies } from '../shared/dependencies.ts';
import type { Logger } from '../shared/logger.ts';
import { createMetricsPage } from '../shared/metrics/metrics-page.ts';
import { createRegistry, type Registry } from '../shared/metrics/registry.ts';
import { createModels, type Models } from '../shared/models.ts';
import { startTracing } from '../shared/start-tracing.ts';
import { assembleWorker, type WorkerParts } from './assemble-worker.ts';
import { listenForCancels } from './cancel-listener.ts';
import type { Claims } from './claims.ts';
import type { WorkerConfig } from './config.ts';
import type { DeliverWebhooks } from './deliver-webhooks.ts';
import { createFetchUrl } from './fetch-url.ts';
import { openImageFiles } from './image-files.ts';
import { createRequestPublic } from './public-request.ts';
import { startWebhooks } from './start-webhooks.ts';
import { NEEDED_FUNCTIONS, startWorkerServer, type WorkerPhase } from './worker-server.ts';

/** How long a stopping worker's last reports may take, beyond the grace for the work itself. */
export const LAST_REPORTS_MS = 10_000;

/**
 * Starts one worker: it beats, releases, reconciles and takes jobs. Resolves once it is registered, which waits for the
 * database; Redis may come later. With WORKER_PORT it listens from the beginning; `url` is null without. `onStuck` is called when it no longer hears of jobs, and only a new process helps.
 * `fetchUrl` and `requestPublic` are others than the guarded ones in tests only.
 */
export async function startWorker(
  config: WorkerConfig,
  plainLog: Logger,
  onStuck: () => void,
  fetchUrl = createFetchUrl(),
  requestPublic = createRequestPublic(),
): Promise<{ id: string; url: string | null; stop(): Promise<void> }> {
  const tracing = await startTracing(config, {
    serviceName: 'darkroom-worker',
    believeParents: true,
    log: plainLog,
  });
  const log = tracing.addTo(plainLog);
  const registry = createRegistry();
  const connections = openConnections(config, { registry, tracing, log });
  const models = createModels(config.MODELS_FILE, config.DEFAULT_MODEL);
  const imageFiles = await openImageFiles();
  const parts = { models, registry, onStuck, fetchUrl, imageFiles };
  const worker = assembleWorker(config, connections, log, parts);
  let phase: WorkerPhase = 'starting';
  const server = await listen(config, connections, { registry, models, phase: () => phase, log });
  const { heartbeat, reconcile, jobs } = worker;

  await heartbeat.start();
  phase = 'working';
  await connections.storage
    .ensureBuckets()
    .catch((error: unknown) => log.warn({ err: error }, 'buckets.failed'));
  reconcile.every('release', config.RELEASE_EVERY_MS, async () => connections.release.request());
  connections.queue.onReady(() => {
    reconcile.lostJobs().catch((error: unknown) => log.warn({ err: error }, 'step.failed'));
    connections.release.request();
  });
  const webhooks = startWebhooks(config, connections, { timers: reconcile, registry, requestPublic, log });
  const cancels = listenForCancels({
    redisUrl: config.REDIS_URL,
    prefix: config.QUEUE_PREFIX,
    onCancel: (imageId) => worker.claims.stopImage(imageId, 'cancel_requested'),
    log,
  });
  jobs.start();
  log.info({ worker_id: worker.id, slots: worker.slots.count() }, 'worker.started');

  let left: Promise<void> | undefined;
  return {
    id: worker.id,
    url: server?.url ?? null,
    /** Takes no more, lets what runs finish within the grace period, hands back the rest, signs off. */
    stop() {
      phase = 'draining';
      left ??= leave(worker, webhooks, connections, config.SHUTDOWN_GRACE_MS, log).finally(async () => {
        cancels.close();
        await imageFiles.close();
        await server?.close();
      });
      return left;
    },
  };
}

/** Null when WORKER_PORT is not set. */
async function listen(
  config: WorkerConfig,
  connections: Connections,
  parts: { registry: Registry; models: Models; phase: () => WorkerPhase; log: Logger },
) {
  if (config.WORKER_PORT === undefined) return null;
  const checkDependencies = createCheckDependencies({ ...connections, neededFunctions: NEEDED_FUNCTIONS });
  const server = await startWorkerServer({
    host: config.HOST,
    port: config.WORKER_PORT,
    phase: parts.phase,
    checkDependencies,
    metricsPage: createMetricsPage({ ...connections, ...parts, checkDependencies }),
    metricsToken: config.METRICS_TOKEN,
    log: parts.log,
  });
  parts.log.info({ url: server.url }, 'worker.listening');
  return server;
}

async function leave(
  worker: WorkerParts,
  webhooks: DeliverWebhooks | null,
  connections: Connections,
  graceMs: number,
  log: Logger,
): Promise<void> {
  const from = performance.now();
  const { claims, heartbeat, jobs, reconcile } = worker;
  worker.slots.close();
  heartbeat.beatNow().catch((error: unknown) => log.warn({ err: error }, 'beat.failed'));
  const webhooksEnded = webhooks?.stop(graceMs);
  const drained = jobs
    .drain(graceMs)
    .then(() => untilEmpty(() => claims.list().length, graceMs - (performance.now() - from)));
  await Promise.race([drained, idleWithoutRedis(claims, connections, graceMs)]);
  claims.stopAll('shutdown');
  await untilEmpty(() => claims.list().length, LAST_REPORTS_MS / 2);
  if (webhooksEnded) await atMost(graceMs + LAST_REPORTS_MS / 2 - (performance.now() - from), webhooksEnded);
  worker.leaving.abort();
  reconcile.stop();
  await atMost(1_000, heartbeat.stop());
  await connections.store
    .removeWorker(worker.id, { repeatForMs: 0, timeoutMs: 1_000 })
    .catch((error: unknown) => log.warn({ err: error }, 'worker.not_signed_off'));
  await jobs.close();
  await atMost(2_500, connections.close());
}

/** BullMQ's close waits for a Redis that is away; with nothing in work there is nothing to wait for. */
async function idleWithoutRedis(claims: Claims, { queue }: Connections, withinMs: number): Promise<void> {
  const isAway = () =>
    queue.ping().then(
      () => false,
      () => true,
    );
  const giveUpAt = performance.now() + withinMs;
  while (performance.now() < giveUpAt) {
    if (claims.list().length === 0 && (await isAway())) return;
    await delay(100, undefined, { ref: false });
  }
}

/** Whoever does not answer any more is not waited for. */
async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  await Promise.race([promise, delay(ms, undefined, { ref: false })]);
}

async function untilEmpty(size: () => number, withinMs: number): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (size() > 0 && performance.now() < giveUpAt) await delay(20);
}
