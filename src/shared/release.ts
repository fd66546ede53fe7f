import { setTimeout as delay } from 'node:timers/promises';
import type { Failpoint } from './failpoints.ts';
import type { Logger } from './logger.ts';
import type { JobQueue } from './queue.ts';
import type { Store } from './store.ts';
import { NO_TRACING, type TracePlace, type Tracing } from './tracing.ts';

/** release_generations hands out this many rows a call at most; a full answer means that there may be more. */
const FULL = 64;

export type Release = {
  /** Asks for a release and returns at once. Requests that come while one is running share the next one. */
  request(): void;
  /** Resolves when nothing is running or asked for. */
  idle(): Promise<void>;
};

/**
 * Moves rows that wait in Postgres to Redis, in the fair order that release_generations decides; one call at a time a
 * process. A failure is logged and left: the next request, the workers' timers and reconcile make it good.
 */
export function createRelease(deps: {
  store: Pick<Store, 'releaseGenerations'>;
  queue: Pick<JobQueue, 'add'>;
  failpoint?: Failpoint;
  tracing?: Pick<Tracing, 'here' | 'onBehalfOf'>;
  log: Logger;
}): Release {
  const { tracing = NO_TRACING } = deps;
  /** Requests whose traces the next round is a step of. */
  let askers = new Set<TracePlace>();
  let wanted = false;
  let running: Promise<void> | null = null;

  const releaseOnce = async (): Promise<void> => {
    const { contended, jobs } = await deps.store.releaseGenerations({ repeatForMs: 0 });
    if (contended || jobs.length >= FULL) wanted = true;
    if (jobs.length > 0) deps.failpoint?.('release.before_enqueue');
    await deps.queue.add(jobs);
    // Somebody else is at it. Asking again is what keeps a row that came in between from waiting for a timer.
    if (contended) await delay(5 + Math.random() * 10);
  };

  const run = async (): Promise<void> => {
    while (wanted) {
      wanted = false;
      const places = askers;
      askers = new Set();
      try {
        await tracing.onBehalfOf(places, releaseOnce);
      } catch (error) {
        deps.log.warn({ err: error }, 'release.failed');
      }
    }
    running = null;
  };

  return {
    request() {
      wanted = true;
      const asker = tracing.here();
      if (asker) askers.add(asker);
      running ??= run();
    },
    async idle() {
      while (running) await running;
    },
  };
}
