import { createBatchSteps } from '../shared/batch-steps.ts';
import { createExpireStep } from '../shared/expire-step.ts';
import { createFoldStep } from '../shared/fold-step.ts';
import type { Logger } from '../shared/logger.ts';
import type { ObserveStep } from '../shared/metrics/call-metrics.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Release } from '../shared/release.ts';
import type { Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';
import { createTimers, type Timers } from '../shared/timers.ts';
import { createCleanStorage } from './clean-storage.ts';

export type Reconcile = Timers & { lostJobs(): Promise<void> };

const ONCE = { repeatForMs: 0 };
const PRUNE_EVERY_MS = 600_000;

/**
 * Puts right what a crash left, in small steps on jittered timers. Every worker does it; each step is harmless when
 * two do it at once.
 */
export function createReconcile(deps: {
  store: Store;
  storage: Pick<Storage, 'listObjects' | 'removeObjects'>;
  queue: Pick<JobQueue, 'add' | 'announceCancel' | 'announceChange'>;
  release: Pick<Release, 'request'>;
  workerId: string;
  /** Milliseconds between two rounds of the quick steps. */
  everyMs: number;
  observeStep?: ObserveStep;
  log: Logger;
}): Reconcile {
  const { store, log } = deps;

  /** Redis lost them, or never had them, or their worker died: it gets them again under the same epoch. */
  const lostJobs = async (): Promise<void> => {
    await deps.queue.add(await store.listLostJobs(deps.workerId, ONCE));
  };

  const timers = createTimers(log, deps.observeStep);
  timers.every('lost_jobs', deps.everyMs, lostJobs);
  timers.every('deadlines', deps.everyMs, createExpireStep(deps));
  timers.every('storage', deps.everyMs * 6, createCleanStorage(deps));
  const batches = createBatchSteps(deps);
  timers.every('batches', deps.everyMs, batches.advance);
  timers.every('usage', deps.everyMs, createFoldStep(deps));
  timers.every('unsealed_batches', PRUNE_EVERY_MS, batches.dropUnsealed);
  timers.every('prune', PRUNE_EVERY_MS, () => store.pruneQueueTables(ONCE));
  return { ...timers, lostJobs };
}
