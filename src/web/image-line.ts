import type { ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';
import { el, fill } from './dom.ts';
import { createPicture } from './image-card.ts';
import { hrefOfImage } from './place.ts';
import { problemText } from './problem-text.ts';

const MOST_SHOWN = 12;

/** The images that were made one from another, the first one first. Nothing when there is only this one. */
export function createLine(app: App, image: ImageRecord, signal: AbortSignal): HTMLElement {
  const node = el('div', { class: 'line' });
  const root = image.root_id;
  if (root === null) return node;
  const places = new Map<string, { item: HTMLElement; sequence: number }>();
  /** What ended while the line was asked for. */
  const ended = new Map<string, ImageRecord>();
  const show = (other: ImageRecord): void => {
    const place = places.get(other.id);
    if (!place || place.sequence >= other.status_sequence) return;
    place.sequence = other.status_sequence;
    fill(place.item, linkTo(other, image));
  };
  const showLine = (items: ImageRecord[]): void => {
    if (items.length < 2 && image.parent_id === null) return;
    for (const { id } of items) places.set(id, { item: el('li', {}), sequence: -1 });
    for (const other of [...items, ...ended.values()]) show(other);
    const isParentShown = items.some(({ id }) => id === image.parent_id || image.parent_id === null);
    fill(
      node,
      el('h3', {}, 'Made one from another'),
      el('ol', {}, ...[...places.values()].map(({ item }) => item)),
      isParentShown
        ? null
        : el('p', { class: 'hint' }, 'The one that it was made from is deleted, or further on.'),
    );
  };
  const read = async (): Promise<void> => {
    try {
      const line = { root_id: root, order: 'asc', limit: MOST_SHOWN } as const;
      showLine((await app.client.historyPage(line, { signal, retryForMs: 3_000 })).items);
    } catch (error) {
      if (!signal.aborted) fill(node, el('p', { class: 'problem' }, problemText(error)));
    }
  };
  app.live.on((message) => {
    if (message.type === 'active') app.live.active().forEach(show);
    if (message.type !== 'ended' || message.image.root_id !== root) return;
    ended.set(message.image.id, message.image);
    show(message.image);
  }, signal);
  void read();
  return node;
}

function linkTo(other: ImageRecord, image: ImageRecord): HTMLElement {
  const roles = [
    other.id === other.root_id ? 'first' : null,
    other.id === image.parent_id ? 'made from' : null,
    other.id === image.id ? 'this one' : null,
  ];
  const label = roles.filter(Boolean).join(', ') || 'another';
  const link = el(
    'a',
    { href: hrefOfImage(other.id), title: other.prompt },
    createPicture(other),
    el('small', {}, label),
  );
  if (other.id === image.id) link.setAttribute('aria-current', 'true');
  return link;
}
