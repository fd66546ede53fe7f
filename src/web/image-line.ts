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
  app.client
    .historyPage({ root_id: root, order: 'asc', limit: MOST_SHOWN }, { signal, retryForMs: 3_000 })
    .then(({ items }) => {
      if (items.length < 2 && image.parent_id === null) return;
      const links = items.map((other) => el('li', {}, linkTo(other, image)));
      const isParentShown = items.some(({ id }) => id === image.parent_id || image.parent_id === null);
      fill(
        node,
        el('h3', {}, 'Made one from another'),
        el('ol', {}, ...links),
        isParentShown
          ? null
          : el('p', { class: 'hint' }, 'The one that it was made from is deleted, or further on.'),
      );
    })
    .catch((error: unknown) => {
      if (!signal.aborted) fill(node, el('p', { class: 'problem' }, problemText(error)));
    });
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
