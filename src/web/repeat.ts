/** Does something now, and again so long after each time it was done, until `signal` aborts. */
export function repeat(work: () => Promise<void>, everyMs: number, signal: AbortSignal): void {
  let timer: number | undefined;
  const go = async (): Promise<void> => {
    await work();
    if (!signal.aborted) timer = setTimeout(go, everyMs) as unknown as number;
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  void go();
}
