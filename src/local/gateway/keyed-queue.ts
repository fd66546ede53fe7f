/** Runs work for one key after all earlier work for that key; keys do not wait for each other. */
export type KeyedQueue = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Order within this process only: the storage folder has one gateway at a time. */
export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<void>>();
  return async (key, work) => {
    const turn = (tails.get(key) ?? Promise.resolve()).then(work);
    const settle = () => {
      if (tails.get(key) === tail) tails.delete(key);
    };
    const tail: Promise<void> = turn.then(settle, settle);
    tails.set(key, tail);
    return await turn;
  };
}
