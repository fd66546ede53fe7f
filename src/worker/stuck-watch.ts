import type { Logger } from '../shared/logger.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Store } from '../shared/store.ts';

/** Looks so many times in the time after which a worker counts as stuck. */
const LOOKS = 6;

export type StuckWatch = {
  everyMs: number;
  /** A job was taken. */
  taken(): void;
  look(): Promise<void>;
};

/**
 * Notices a worker that could take jobs and takes none: it is idle, Redis answers it, and rows that may run have been
 * out for as long. BullMQ has been seen to stop listening after a lost connection, without a word; only a new process
 * helps then. A queue that is paused, empty, or without its Redis is no reason.
 */
export function createStuckWatch(deps: {
  store: Pick<Store, 'hasStuckRelease'>;
  queue: Pick<JobQueue, 'ping'>;
  hasRoom: () => boolean;
  /** Milliseconds without a job, though there were some, after which the worker is stuck. */
  stuckAfterMs: number;
  onStuck: () => void;
  log: Logger;
}): StuckWatch {
  let quietSince = performance.now();
  const startAnew = () => {
    quietSince = performance.now();
  };

  return {
    everyMs: deps.stuckAfterMs / LOOKS,
    taken: startAnew,
    async look() {
      if (!deps.hasRoom()) return startAnew();
      try {
        await deps.queue.ping();
      } catch (error) {
        deps.log.debug({ err: error }, 'stuck_watch.no_redis');
        return startAnew();
      }
      if (performance.now() - quietSince < deps.stuckAfterMs) return;
      if (!(await deps.store.hasStuckRelease(deps.stuckAfterMs, { repeatForMs: 0 }))) return startAnew();
      deps.log.fatal({ quiet_ms: Math.round(performance.now() - quietSince) }, 'worker.stuck');
      deps.onStuck();
    },
  };
}
