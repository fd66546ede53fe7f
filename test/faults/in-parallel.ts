const AT_ONCE = 16;

/** Does it to all of them, some at a time, and answers in their order. */
export async function inParallel<T, R>(all: readonly T[], toOne: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE) {
    results.push(...(await Promise.all(all.slice(from, from + AT_ONCE).map(toOne))));
  }
  return results;
}
