import type { ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';
import { el, fill, say } from './dom.ts';
import { formatCount, shorten } from './format.ts';
import { createQueueRow, type QueueRow } from './queue-row.ts';

const MOST_SHOWN = 12;

/** What waits and what is being made, those that come first on top. */
export function createQueueList(app: App, signal: AbortSignal): HTMLElement {
  const rows = new Map<string, QueueRow>();
  const list = el('ol', { class: 'queue' });
  const summary = el('p', { class: 'hint' });
  const news = el('p', { class: 'visually-hidden', role: 'status' });

  const cancel = (image: ImageRecord): void => {
    app.client
      .cancel(image.id, { signal, retryForMs: 5_000 })
      .then(app.live.put)
      .catch((error: unknown) => {
        if (!signal.aborted) app.notices.fail(error, `“${shorten(image.prompt)}” was not canceled`);
      });
  };
  const show = (): void => {
    const images = app.live.active().toSorted(byTurn);
    const shown = images.slice(0, MOST_SHOWN);
    for (const image of shown) {
      const row = rows.get(image.id) ?? createQueueRow(image, cancel);
      rows.set(image.id, row);
      row.show(image);
    }
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, { node }] of rows) {
      if (ids.has(id)) continue;
      node.remove();
      rows.delete(id);
    }
    // Only what has moved is moved, so that the focus stays where it is.
    shown.forEach(({ id }, index) => {
      const node = rows.get(id)?.node;
      const there = list.children[index] ?? null;
      if (node && node !== there) list.insertBefore(node, there);
    });
    const more = images.length - shown.length;
    say(summary, describe(images.length, more));
    list.hidden = images.length === 0;
  };

  let isPlanned = false;
  const plan = (): void => {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(() => {
      isPlanned = false;
      show();
    });
  };
  app.live.on((message) => {
    if (message.type === 'active') plan();
    if (message.type === 'ended')
      say(news, `${END[message.image.status] ?? 'Ended'}: ${shorten(message.image.prompt)}`);
  }, signal);
  const clock = setInterval(() => rows.size > 0 && plan(), 1_000);
  signal.addEventListener('abort', () => clearInterval(clock), { once: true });

  const node = el('section', { 'aria-labelledby': 'queue' });
  fill(node, el('div', { class: 'heading' }, el('h2', { id: 'queue' }, 'In the queue'), summary), list, news);
  show();
  return node;
}

const END: Record<string, string> = {
  succeeded: 'Ready',
  failed: 'Failed',
  canceled: 'Canceled',
  expired: 'Expired',
};

function describe(count: number, more: number): string {
  if (count === 0) return 'Nothing waits.';
  return more > 0 ? `${formatCount(count)}, of which ${formatCount(more)} are not shown` : formatCount(count);
}

/** Those that are being made, then by their place. */
function byTurn(a: ImageRecord, b: ImageRecord): number {
  const turn = ({ status, queue_position }: ImageRecord) =>
    status === 'processing' ? -1 : (queue_position ?? Number.MAX_SAFE_INTEGER);
  return turn(a) - turn(b) || a.created_at.localeCompare(b.created_at);
}
