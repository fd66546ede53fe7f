/** From when a job is over until the next has come from Redis and its row is claimed, while there is much to do. */
const CLAIM_MS = 50;
/** Of images that take longer none is claimed before there is a slot: it would wait here while another worker may have one. */
const QUICK_MS = 500;
/** How much of the mean is the last one. */
const WEIGHT = 0.1;

/** The places in which images are made, for those that are claimed, first come first served. */
export type Slots = {
  /** How many there are; 0 once they are closed. */
  count(): number;
  busy(): number;
  /**
   * How many jobs to be at: one for each slot, and of images that are made quickly as many more, up to twice as many, as
   * begin in the time that a claim takes, so that no slot waits for one.
   */
  jobs(): number;
  /** Does `work` in a slot, when there is one. Rejects with the reason of `signal` when that aborts before. */
  use<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** None is offered any more. What has been claimed is still made, which is soon, or stopped in the end. */
  close(): void;
};

export function createSlots(most: number, nowMs: () => number = () => performance.now()): Slots {
  /** Each gives a slot to one that waits. */
  const waiting = new Set<() => void>();
  let busy = 0;
  let closed = false;
  /** The mean of the last ones' time in a slot. */
  let makingMs = Number.POSITIVE_INFINITY;

  const take = (signal: AbortSignal): Promise<void> | undefined => {
    signal.throwIfAborted();
    if (busy < most) {
      busy += 1;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const give = () => {
        waiting.delete(give);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.delete(give);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.add(give);
    });
  };

  const free = (): void => {
    const [give] = waiting;
    if (give) give();
    else busy -= 1;
  };

  return {
    count: () => (closed ? 0 : most),
    busy: () => busy,
    jobs: () =>
      makingMs > QUICK_MS ? most : most + Math.min(most, Math.round((most * CLAIM_MS) / makingMs)),
    async use(signal, work) {
      await take(signal);
      const from = nowMs();
      try {
        return await work();
      } finally {
        const ms = nowMs() - from;
        makingMs = Number.isFinite(makingMs) ? makingMs + (ms - makingMs) * WEIGHT : ms;
        free();
      }
    },
    close() {
      closed = true;
    },
  };
}
