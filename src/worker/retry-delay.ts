/** Milliseconds until the next attempt, by the failures so far. */
export type RetryDelay = (failures: number) => number;

/** Exponential with a cap, and half of it by chance, so that rows that failed together do not come back together. */
export function createRetryDelay({ baseMs, capMs }: { baseMs: number; capMs: number }): RetryDelay {
  return (failures) => {
    const longest = Math.min(capMs, baseMs * 2 ** (failures + 1));
    return longest / 2 + (Math.random() * longest) / 2;
  };
}
