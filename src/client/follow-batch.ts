import type { BatchRecord } from '../api/batch-schemas.ts';
import { sleep } from './http.ts';
import { type HistoryFilter, hasEnded, type ImageRecord } from './images.ts';

const POLL_MS = 1_000;
/** As many as one question may name. */
const PAGE = 100;

export type FollowOptions = {
  signal?: AbortSignal;
  /** Called with the batch as it is first found, and each time it was looked at again. */
  onLook?: (batch: BatchRecord) => void;
};

/**
 * Yields each image of a batch once, as it ends, until all have. Images end about in the order of the batch, so it is read
 * only as far as images have ended; those that stay behind are asked for by their ids. A look at a batch in which nothing
 * has ended is one question, however large the batch. Deleted images are not told.
 */
export async function* followBatch(
  ask: {
    getBatch: () => Promise<BatchRecord>;
    history: (filter: HistoryFilter) => AsyncGenerator<ImageRecord>;
  },
  id: string,
  { signal, onLook }: FollowOptions,
): AsyncGenerator<ImageRecord> {
  const unread = ask.history({ batch_id: id, order: 'asc', limit: PAGE });
  const open = new Set<string>();
  let isRead = false;
  let told = 0;

  /** Of those that stayed behind. */
  async function* lookAgain(): AsyncGenerator<ImageRecord> {
    const ids = [...open];
    for (let from = 0; from < ids.length; from += PAGE) {
      const asked = ids.slice(from, from + PAGE);
      const found: ImageRecord[] = [];
      for await (const image of ask.history({ ids: asked, limit: PAGE })) found.push(image);
      for (const one of asked) open.delete(one);
      for (const image of found) {
        if (hasEnded(image)) yield image;
        else open.add(image.id);
      }
    }
  }

  for (;;) {
    const began = Date.now();
    const batch = await ask.getBatch();
    onLook?.(batch);
    const left = batch.counts.pending + batch.counts.processing;
    const ended = batch.counts.total - left;
    if (told < ended || left === 0) {
      for await (const image of lookAgain()) {
        told += 1;
        yield image;
      }
      while (!isRead && (told < ended || left === 0)) {
        const { value: image, done } = await unread.next();
        if (done) isRead = true;
        else if (!hasEnded(image)) open.add(image.id);
        else {
          told += 1;
          yield image;
        }
      }
    }
    if (left === 0 && open.size === 0) return;
    // Of a batch whose images end in no order, a look takes long, and comes the more seldom.
    await sleep(Math.max(POLL_MS, 2 * (Date.now() - began)), signal);
  }
}
