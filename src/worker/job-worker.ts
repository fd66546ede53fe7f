import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { z } from 'zod';
import { openListeningRedis } from '../shared/listening-redis.ts';
import type { Logger } from '../shared/logger.ts';
import { QUEUE_NAME } from '../shared/queue.ts';

const RETRY_AFTER_OUTAGE_MS = 1_000;

const jobSchema = z.object({ id: z.guid(), epoch: z.int() });

export type JobWorker = {
  start(): void;
  /** Takes no more jobs and resolves when those that run have ended, or after `graceMs`, whichever comes first. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
};

/**
 * Takes jobs out of Redis. Locks and stalls decide only when BullMQ delivers a job again; who may work on the row is
 * the claim's matter, so a job delivered twice does no harm and one that fails is no failure of the row.
 */
export function createJobWorker(options: {
  redisUrl: string;
  prefix: string;
  /** How many jobs to be at; asked for again whenever one begins or ends. */
  concurrency: () => number;
  lockMs: number;
  stalledCheckMs: number;
  processGeneration: (imageId: string) => Promise<void>;
  log: Logger;
}): JobWorker {
  const { log } = options;
  const { connection, leave } = openListeningRedis(options.redisUrl, log);
  const worker: Worker = new Worker(
    QUEUE_NAME,
    async (job) => {
      const data = jobSchema.safeParse(job.data);
      if (!data.success) {
        log.error({ job_id: job.id }, 'job.malformed');
        return;
      }
      worker.concurrency = options.concurrency();
      await options.processGeneration(data.data.id);
      worker.concurrency = options.concurrency();
    },
    {
      connection,
      prefix: options.prefix,
      concurrency: options.concurrency(),
      lockDuration: options.lockMs,
      stalledInterval: options.stalledCheckMs,
      // The row counts calls and failures; a job that stalls often is not to vanish for that.
      maxStalledCount: 1_000,
      // After a lost connection BullMQ lets its slots sleep for this long; 15 s if not told otherwise.
      runRetryDelay: RETRY_AFTER_OUTAGE_MS,
      autorun: false,
    },
  );
  worker.on('error', (error) => log.debug({ detail: error.message }, 'queue.error'));

  let closing: Promise<void> | undefined;
  return {
    start() {
      worker.run().catch((error: unknown) => log.error({ err: error }, 'job_worker.failed'));
    },
    async drain(graceMs) {
      const stop = new AbortController();
      closing ??= worker
        .close()
        .catch((error: unknown) => log.warn({ err: error }, 'job_worker.close_failed'));
      await Promise.race([
        closing,
        delay(graceMs, undefined, { signal: stop.signal }).catch(() => undefined),
      ]);
      stop.abort();
    },
    async close() {
      // Without Redis an orderly close never ends; the jobs' rows are in Postgres, so nothing is lost by leaving.
      await Promise.race([closing ?? worker.close(), delay(1_000, undefined, { ref: false })]);
      leave();
    },
  };
}
