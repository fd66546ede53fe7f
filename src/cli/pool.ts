/** Tasks, so many at a time. The first that fails aborts `signal`, by which the others stop. */
export type Pool = {
  signal: AbortSignal;
  /** Resolves when there is room for another one. @throws what a task before it threw, or the outer signal's reason */
  start(task: () => Promise<void>): Promise<void>;
  /** Aborts those that run. */
  stop(reason: unknown): void;
  /** Resolves when none runs any more. @throws as `start` */
  end(): Promise<void>;
};

export function createPool(atOnce: number, outer: AbortSignal): Pool {
  const stopping = new AbortController();
  const signal = AbortSignal.any([outer, stopping.signal]);
  const running = new Set<Promise<void>>();
  return {
    signal,
    async start(task) {
      signal.throwIfAborted();
      const one: Promise<void> = task()
        .catch((error: unknown) => stopping.abort(error))
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= atOnce) await Promise.race(running);
    },
    stop: (reason) => stopping.abort(reason),
    async end() {
      await Promise.all(running);
      signal.throwIfAborted();
    },
  };
}
