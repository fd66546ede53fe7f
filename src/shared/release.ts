import { setTimeout as delay } from 'node:timers/promises';
import type { Failpoint } from './failpoints.ts';
import type { Logger } from './logger.ts';
import type { JobQueue } from './queue.ts';
import type { Store } from './store.ts';
import { NO_TRACING, type TracePlace, type Tracing } from './tracing.ts';
import { createTurnover } from './turnover.ts';

/** release_generations hands out this many rows a call at most; a full answer means that there may be more. */
const FULL = 64;

/** Rounds start at least so far apart: what is asked for meanwhile is one round's work, and costs little more. */
const PACE_MS = 16;

export type Release = {
  /** Asks for a release and returns at once. Requests that come while one is running share the next one. */
  request(): void;
  /** The same when a job has ended. While many do, more of them are handed out beyond the slots. */
  jobEnded(): void;
  /** Resolves when nothing is running or asked for. What the rate holds back is not waited for. */
  idle(): Promise<void>;
  /** Does not come back by itself any more for what the rate holds back. */
  stop(): void;
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
  const turnover = createTurnover();
  /** Requests whose traces the next round is a step of. */
  let askers = new Set<TracePlace>();
  let wanted = false;
  let running: Promise<void> | null = null;
  let stopped = false;
  let comingBack: NodeJS.Timeout | undefined;

  /** Of all processes the database tells one at a time; should this one die, the workers' timers make it good. */
  const comeBack = (afterMs: number): void => {
    if (stopped) return;
    clearTimeout(comingBack);
    comingBack = setTimeout(wake, afterMs).unref();
  };

  const releaseOnce = async (): Promise<void> => {
    const { contended, jobs, again_in_ms } = await deps.store.releaseGenerations(turnover.ahead(), {
      repeatForMs: 0,
    });
    if (again_in_ms !== undefined) comeBack(again_in_ms);
    if (contended || jobs.length >= FULL) wanted = true;
    if (jobs.length > 0) deps.failpoint?.('release.before_enqueue');
    await deps.queue.add(jobs);
    // Somebody else is at it. Asking again is what keeps a row that came in between from waiting for a timer.
    if (contended) await delay(5 + Math.random() * 10);
  };

  const run = async (): Promise<void> => {
    while (wanted) {
      wanted = false;
      const startedAt = performance.now();
      const places = askers;
      askers = new Set();
      try {
        await tracing.onBehalfOf(places, releaseOnce);
      } catch (error) {
        deps.log.warn({ err: error }, 'release.failed');
      }
      const early = startedAt + PACE_MS - performance.now();
      if (wanted && early > 0) await delay(early);
    }
    running = null;
  };

  function wake(): void {
    wanted = true;
    running ??= run();
  }

  const request = (): void => {
    const asker = tracing.here();
    if (asker) askers.add(asker);
    wake();
  };

  return {
    request,
    jobEnded() {
      turnover.jobEnded();
      request();
    },
    async idle() {
      while (running) await running;
    },
    stop() {
      stopped = true;
      clearTimeout(comingBack);
    },
  };
}
