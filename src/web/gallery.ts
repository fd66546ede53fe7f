import type { ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';
import { el } from './dom.ts';
import { createGalleryFilters, type GalleryFilter, matches } from './gallery-filters.ts';
import { createImageCard } from './image-card.ts';
import { createPagedList } from './paged-list.ts';

const PAGE = 24;

/** All images that have ended, newest first, as far as the filters let them. What ends meanwhile comes on top. */
export function createGallery(app: App, query: URLSearchParams, signal: AbortSignal): HTMLElement {
  let filter: GalleryFilter = {};
  const change = (): void => {
    filter = filters.filter();
    images.restart();
  };
  const filters = createGalleryFilters(app.choices, query, change);
  filter = filters.filter();
  const images = createPagedList<ImageRecord>({
    list: el('ul', { class: 'grid' }),
    read: (cursor, current) =>
      app.client.historyPage(
        { ...filter, limit: PAGE, ...(cursor !== null && { cursor }) },
        { signal: current, retryForMs: 3_000 },
      ),
    render: createImageCard,
    empty: () =>
      isFiltered(filter) ? 'No image is like that.' : 'There is no image yet. Make the first one.',
    signal,
  });
  app.live.on((message) => {
    if (message.type === 'ended' && matches(message.image, filter)) images.put(message.image);
    if (message.type === 'deleted') images.remove(message.id);
    if (message.type === 'resync') images.restart();
  }, signal);
  return el(
    'section',
    { 'aria-labelledby': 'gallery' },
    el('div', { class: 'heading' }, el('h2', { id: 'gallery' }, 'Gallery'), filters.node),
    images.node,
  );
}

const isFiltered = ({ status = [], style, dataset_id, q, batch_id }: GalleryFilter): boolean =>
  status.length === 1 || Boolean(style || dataset_id || q || batch_id);
