import type { ImageRecord } from '../client/images.ts';
import { el, fill, webAddress } from './dom.ts';
import { formatUsd } from './format.ts';
import { hrefOfImage } from './place.ts';

/** What an image without a picture says instead. */
const ENDS: Record<string, string> = {
  pending: 'Waiting',
  processing: 'Being made',
  failed: 'Failed',
  canceled: 'Canceled',
  expired: 'Expired',
};

/** An image among others: its picture, or why there is none, and its prompt. */
export function createImageCard(image: ImageRecord): HTMLElement {
  const facts = [image.style, image.aspect_ratio, image.cost_usd === null ? null : formatUsd(image.cost_usd)];
  return el(
    'li',
    {},
    el(
      'a',
      { class: 'card', href: hrefOfImage(image.id) },
      createPicture(image),
      el('span', { class: 'prompt' }, image.prompt),
      el('span', { class: 'facts' }, facts.filter(Boolean).join(' · ')),
    ),
  );
}

/** Small: a thumbnail where there is one. The prompt stands beside it, so it has no other text. */
export function createPicture(image: ImageRecord): HTMLElement {
  const box = el('span', { class: 'picture' });
  const address = webAddress(image.thumbnail_url ?? image.image_url);
  const instead = (text: string, detail = ''): void => {
    box.classList.add('blank');
    fill(box, el('strong', {}, text), detail ? el('small', {}, detail) : null);
  };
  if (address === null) instead(ENDS[image.status] ?? image.status, image.error?.code);
  else {
    const onerror = () => instead('The picture cannot be shown');
    box.append(el('img', { src: address, alt: '', loading: 'lazy', decoding: 'async', onerror }));
  }
  return box;
}
