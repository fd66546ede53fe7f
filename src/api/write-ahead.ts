/** The database has more than one core, and a page is written while the next one is read. */
const MOST_AT_ONCE = 2;

/**
 * Writes pages while more of them are made, two at once. The first failure is thrown by the next `write`, or by `end`;
 * after it nothing more is written.
 */
export function createWriteAhead<Page>(add: (page: Page) => Promise<void>) {
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;

  const throwFailure = (): void => {
    if (failure) throw failure.error;
  };

  return {
    /** Resolves when there is room for another one. */
    async write(page: Page): Promise<void> {
      throwFailure();
      const writing: Promise<void> = add(page)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => underWay.delete(writing));
      underWay.add(writing);
      if (underWay.size >= MOST_AT_ONCE) await Promise.race(underWay);
    },
    /** Resolves when nothing is under way, however it went: whoever gives up has to wait for that, too. */
    async settle(): Promise<void> {
      await Promise.all(underWay);
    },
    /** Resolves when all is written. */
    async end(): Promise<void> {
      await Promise.all(underWay);
      throwFailure();
    },
  };
}

export type WriteAhead<Page> = ReturnType<typeof createWriteAhead<Page>>;
