import type { ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';
import { el, say } from './dom.ts';
import { formatCount } from './format.ts';
import { createGalleryFilters, type GalleryFilter, matches } from './gallery-filters.ts';
import { createImageCard } from './image-card.ts';
import { createPagedList } from './paged-list.ts';

const PAGE = 24;
const MOST_LIVE = 48;

/** All images that have ended, newest first, as far as the filters let them. What ends meanwhile comes on top. */
export function createGallery(app: App, query: URLSearchParams, signal: AbortSignal): HTMLElement {
  let filter: GalleryFilter = {};
  const change = (): void => {
    filter = filters.filter();
    restart();
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
  // Of a large batch that ends while the page is open only the number is told to who looks further down: what they see would
  // move. At the top all come in, and what they push out is found again by going on.
  let come = 0;
  const news = el('button', { type: 'button', hidden: true, onclick: () => restart() });
  const isAtTop = (): boolean => images.node.getBoundingClientRect().top >= 0;
  const renew = (): void => {
    come = 0;
    news.hidden = true;
    void images.renew();
  };
  const restart = (): void => {
    come = 0;
    news.hidden = true;
    images.restart();
  };
  const take = (image: ImageRecord): void => {
    if (images.has(image.id)) {
      images.put(image);
      return;
    }
    come += 1;
    if (come <= MOST_LIVE) images.put(image);
    else if (isAtTop()) {
      images.put(image);
      renew();
    } else {
      news.hidden = false;
      say(news, `Show ${formatCount(come - MOST_LIVE)} more that are new`);
    }
  };
  app.live.on((message) => {
    if (message.type === 'ended' && matches(message.image, filter)) take(message.image);
    if (message.type === 'deleted') images.remove(message.id);
    if (message.type === 'resync') restart();
  }, signal);
  addEventListener('scroll', () => !news.hidden && isAtTop() && renew(), { signal, passive: true });
  return el(
    'section',
    { 'aria-labelledby': 'gallery' },
    el('div', { class: 'heading' }, el('h2', { id: 'gallery' }, 'Gallery'), filters.node),
    el('p', { class: 'news' }, news),
    images.node,
  );
}

const isFiltered = ({ status = [], style, dataset_id, q, batch_id }: GalleryFilter): boolean =>
  status.length === 1 || Boolean(style || dataset_id || q || batch_id);
