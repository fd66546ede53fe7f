import type { Store } from './store.ts';

const PAGE = 5_000;
/** More than these come with the next round: nothing that is read waits for them. */
const MOST_PAGES = 20;

/** One round of adding to the counters what transitions have appended, so that a read has little left to add up. */
export function createFoldStep({ store }: { store: Pick<Store, 'foldUsage'> }): () => Promise<void> {
  return async () => {
    for (let page = 0; page < MOST_PAGES; page += 1) {
      if ((await store.foldUsage(PAGE, { repeatForMs: 0 })) < PAGE) return;
    }
  };
}
