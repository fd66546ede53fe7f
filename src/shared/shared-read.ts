/**
 * A read that many ask for and few make: one at a time, and what it answered stands for `forMs` milliseconds after it was
 * begun. A read that fails rejects for all who waited for it; who asks next reads again.
 */
export function shareReads<T>(forMs: number, read: () => Promise<T>): () => Promise<T> {
  let last: { answer: Promise<T>; at: number } | null = null;
  let isReading = false;

  return () => {
    if (last && (isReading || performance.now() - last.at < forMs)) return last.answer;
    isReading = true;
    const answer = read().finally(() => {
      isReading = false;
    });
    last = { answer, at: performance.now() };
    answer.catch(() => {
      last = null;
    });
    return answer;
  };
}
