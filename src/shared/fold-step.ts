import type { Store } from './store.ts';

const ONCE = { repeatForMs: 0 };
const PAGE = 5_000;
/** More than these come with the next round: nothing that is read waits for them. */
const MOST_PAGES = 5;

/** One round of adding to the counters what transitions have appended, so that a read has little left to add up. */
export function createFoldStep({ store }: { store: Pick<Store, 'foldUsage' | 'foldPrompts'> }) {
  return async (): Promise<void> => {
    await forPages(async () => (await store.foldUsage(PAGE, ONCE)) === PAGE);
    await forPages(async () => (await store.foldPrompts(ONCE)) > 0);
  };
}

async function forPages(foldPage: () => Promise<boolean>): Promise<void> {
  for (let page = 0; page < MOST_PAGES && (await foldPage()); page += 1);
}
