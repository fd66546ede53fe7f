import { setTimeout as delay } from 'node:timers/promises';
import type { Connections } from '../shared/connections.ts';
import { openConnections } from '../shared/connections.ts';
import type { Logger } from '../shared/logger.ts';
import { assembleWorker, type WorkerParts } from './assemble-worker.ts';
import type { WorkerConfig } from './config.ts';

/** How long a stopping worker's last reports may take, beyond the grace for the work itself. */
export const LAST_REPORTS_MS = 10_000;

/**
 * Starts one worker: it beats, releases, reconciles and takes jobs. Resolves once it is registered, which waits for the
 * database; Redis may come later.
 */
export async function startWorker(
  config: WorkerConfig,
  log: Logger,
): Promise<{ id: string; stop(): Promise<void> }> {
  const connections = openConnections(config, log);
  const worker = assembleWorker(config, connections, log);
  const { heartbeat, reconcile, jobs } = worker;

  await heartbeat.start();
  await connections.storage
    .ensureBuckets()
    .catch((error: unknown) => log.warn({ err: error }, 'buckets.failed'));
  reconcile.every('release', config.RELEASE_EVERY_MS, async () => connections.release.request());
  connections.queue.onReady(() => {
    reconcile.lostJobs().catch((error: unknown) => log.warn({ err: error }, 'step.failed'));
    connections.release.request();
  });
  jobs.start();
  log.info({ worker_id: worker.id, slots: worker.slots() }, 'worker.started');

  let left: Promise<void> | undefined;
  return {
    id: worker.id,
    /** Takes no more, lets what runs finish within the grace period, hands back the rest, signs off. */
    stop() {
      left ??= leave(worker, connections, config.SHUTDOWN_GRACE_MS, log);
      return left;
    },
  };
}

async function leave(
  worker: WorkerParts,
  connections: Connections,
  graceMs: number,
  log: Logger,
): Promise<void> {
  const { claims, heartbeat, jobs, reconcile } = worker;
  worker.closeSlots();
  heartbeat.beatNow().catch((error: unknown) => log.warn({ err: error }, 'beat.failed'));
  await jobs.drain(graceMs);
  claims.stopAll('shutdown');
  await untilEmpty(() => claims.list().length, LAST_REPORTS_MS / 2);
  worker.leaving.abort();
  reconcile.stop();
  await atMost(1_000, heartbeat.stop());
  await connections.store
    .removeWorker(worker.id, { repeatForMs: 0, timeoutMs: 1_000 })
    .catch((error: unknown) => log.warn({ err: error }, 'worker.not_signed_off'));
  await jobs.close();
  await atMost(2_500, connections.close());
}

/** Whoever does not answer any more is not waited for. */
async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  await Promise.race([promise, delay(ms, undefined, { ref: false })]);
}

async function untilEmpty(size: () => number, withinMs: number): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (size() > 0 && performance.now() < giveUpAt) await delay(20);
}
