import type { ImageRecord } from '../client/images.ts';
import { el, say } from './dom.ts';
import { formatSeconds, shorten } from './format.ts';
import { hrefOfImage } from './place.ts';

/** Why it waits, when that is not only for those before it. */
const HELD_BACK = new Set(['no_worker_online', 'queue_paused', 'queue_held']);

export type QueueRow = { node: HTMLElement; show(image: ImageRecord): void };

/** One image on its way. It is kept and changed, so that its button keeps the focus. */
export function createQueueRow(first: ImageRecord, onCancel: (image: ImageRecord) => void): QueueRow {
  const title = shorten(first.prompt, 120);
  const state = el('p', { class: 'state' });
  const bar = el('progress', { 'aria-label': `Progress of ${title}` });
  const button = el('button', { type: 'button', class: 'quiet', onclick: () => onCancel(first) }, 'Cancel');
  button.setAttribute('aria-label', `Cancel ${title}`);
  const node = el(
    'li',
    {},
    el('div', { class: 'row' }, el('a', { href: hrefOfImage(first.id) }, title), state, bar),
    button,
  );
  return {
    node,
    show(image) {
      const elapsed = secondsSince(image.started_at);
      say(state, describe(image, elapsed));
      node.dataset.status = image.status;
      button.hidden = image.cancel_requested_at !== null;
      const share = image.status === 'processing' ? shareOf(elapsed, image.eta_seconds) : null;
      // Without a value the bar only says that something is going on, which is all that is known.
      if (share === null) bar.removeAttribute('value');
      else bar.value = share;
      bar.hidden = image.status !== 'processing';
    },
  };
}

function describe(image: ImageRecord, elapsed: number): string {
  const eta = image.eta_seconds;
  if (image.cancel_requested_at !== null) return 'Stopping …';
  if (image.status === 'processing') {
    const left = eta === null ? '' : eta > 0 ? ` · about ${formatSeconds(eta)} left` : ' · any moment now';
    return `Being made for ${formatSeconds(elapsed)}${left}`;
  }
  const warning = image.warnings.find(({ code }) => HELD_BACK.has(code));
  const place = image.queue_position === null ? 'Waiting' : `Place ${image.queue_position} in the queue`;
  const ready = eta === null ? null : `ready in about ${formatSeconds(eta)}`;
  return [warning?.message ?? place, ready].filter(Boolean).join(' · ');
}

const secondsSince = (time: string | null): number =>
  time === null ? 0 : Math.max(0, (Date.now() - Date.parse(time)) / 1_000);

/** Never quite full: when it is ready is told by the image. */
const shareOf = (elapsed: number, eta: number | null): number | null =>
  eta === null || elapsed + eta === 0 ? null : Math.min(0.97, elapsed / (elapsed + eta));
