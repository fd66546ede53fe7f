/**
 * Does something now, and again so long after each time it was done, until `signal` aborts; never twice at once, and never
 * while nobody sees the page. `work` may answer when it is next due, in milliseconds, and so may whoever calls what comes back.
 */
export function repeat(
  work: () => Promise<number | undefined>,
  everyMs: number,
  signal: AbortSignal,
): (inMs: number) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWorking = false;
  const plan = (inMs: number): void => {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(go, inMs);
  };
  const go = async (): Promise<void> => {
    if (isWorking || document.hidden) return;
    isWorking = true;
    const next = await work().finally(() => {
      isWorking = false;
    });
    plan(next ?? everyMs);
  };
  document.addEventListener('visibilitychange', () => plan(0), { signal });
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  void go();
  return plan;
}
