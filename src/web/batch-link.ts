import type { BatchRecord } from '../client/batches.ts';
import type { App } from './app.ts';
import { el, say } from './dom.ts';
import { formatTime, shortId } from './format.ts';
import { hrefOf } from './place.ts';

export const nameOfBatch = ({ name, created_at }: Pick<BatchRecord, 'name' | 'created_at'>): string =>
  name ?? `Batch of ${formatTime(created_at)}`;

/** The images of a batch. */
export const hrefOfBatch = (id: string): string =>
  hrefOf({ view: 'images', query: new URLSearchParams({ batch_id: id }) });

/** Leads to the images of a batch; how it is called comes a moment later. */
export function createBatchLink({ client }: App, id: string, signal: AbortSignal): HTMLElement {
  const link = el('a', { href: hrefOfBatch(id), title: id }, shortId(id));
  client.batches
    .get(id, { signal, retryForMs: 3_000 })
    .then((batch) => say(link, nameOfBatch(batch)))
    // Without its name the link leads there as well.
    .catch(() => undefined);
  return link;
}
