import type { ImageRecord } from '../client/images.ts';
import type { App } from './app.ts';
import { createBatchLink } from './batch-link.ts';
import { el, fill, say, webAddress } from './dom.ts';
import { shorten } from './format.ts';
import { createActions } from './image-actions.ts';
import { createPicture } from './image-card.ts';
import { createFacts } from './image-facts.ts';
import { createLine } from './image-line.ts';
import { createStory } from './image-story.ts';
import { leaveImage } from './place.ts';
import { isGone, problemText } from './problem-text.ts';

const DELETED = 'The image was deleted.';

type Shown = { id: string; sequence: number; stop: AbortController; batch: HTMLElement | null };

export type ImageDialog = { open(id: string): void; close(): void };

/** One image whole, over whatever is there. The address names it, so that going back closes it. */
export function createImageDialog(app: App): ImageDialog {
  const title = el('h2', { id: 'image-title', tabindex: '-1' });
  const picture = el('div', { class: 'whole' });
  const facts = el('div', {});
  const actions = el('div', {});
  const asked = el('div', { class: 'asked' });
  const line = el('div', {});
  const story = el('div', {});
  const close = el('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Close');
  const dialog = el(
    'dialog',
    { class: 'image', 'aria-labelledby': 'image-title' },
    el('div', { class: 'heading' }, title, close),
    el('div', { class: 'halves' }, picture, el('div', { class: 'told' }, actions, asked, facts, story, line)),
  );
  let shown: Shown | null = null;

  const show = (image: ImageRecord): void => {
    if (shown?.id !== image.id || shown.sequence > image.status_sequence) return;
    const { signal } = shown.stop;
    const isFirst = shown.sequence === -1;
    shown.sequence = image.status_sequence;
    say(title, shorten(image.prompt, 200));
    fill(picture, createWhole(image));
    if (isFirst && image.batch_id !== null) shown.batch = createBatchLink(app, image.batch_id, signal);
    fill(facts, createFacts(image, app.choices, shown.batch));
    fill(actions, createActions(image, { app, place: asked, signal, onDeleted: leave }));
    if (!isFirst) return;
    fill(story, createStory(app, image.id, signal));
    fill(line, createLine(app, image, signal));
  };
  /** What the focus would go back to is deleted. */
  const leave = (): void => {
    dialog.close();
    document.getElementById('main')?.focus();
  };
  const showGone = (why: string): void => {
    say(title, 'No image');
    dialog.classList.add('bare');
    for (const part of [picture, actions, asked, story, line]) fill(part);
    fill(facts, el('p', { class: 'problem', role: 'alert' }, why));
  };
  const read = async (id: string, signal: AbortSignal): Promise<void> => {
    try {
      show(await app.client.get(id, { signal, retryForMs: 5_000 }));
    } catch (error) {
      if (signal.aborted) return;
      showGone(isGone(error) ? DELETED : problemText(error));
    }
  };

  dialog.addEventListener('close', () => {
    shown?.stop.abort();
    shown = null;
    document.body.append(app.notices.node);
    dialog.remove();
    leaveImage();
  });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  app.live.on((message) => {
    if (message.type === 'deleted' && message.id === shown?.id) showGone(DELETED);
    const changed =
      message.type === 'ended' ? message.image : app.live.active().find(({ id }) => id === shown?.id);
    if (changed && changed.status_sequence !== shown?.sequence) show(changed);
  }, app.signal);

  return {
    open(id) {
      if (shown?.id === id) return;
      shown?.stop.abort();
      const stop = new AbortController();
      shown = { id, sequence: -1, stop, batch: null };
      dialog.classList.remove('bare');
      say(title, 'Loading …');
      for (const part of [picture, facts, actions, asked, story, line]) fill(part);
      if (!dialog.open) {
        document.body.append(dialog);
        dialog.append(app.notices.node);
        dialog.showModal();
      }
      title.focus();
      void read(id, AbortSignal.any([stop.signal, app.signal]));
    },
    close() {
      if (dialog.open) dialog.close();
    },
  };
}

function createWhole(image: ImageRecord): HTMLElement {
  const address = webAddress(image.image_url);
  if (address === null) return createPicture(image);
  const { width, height } = image;
  const sizes = width && height ? { width, height } : {};
  const link = el('a', { href: address, target: '_blank', rel: 'noopener' });
  const instead = () => fill(link, 'The picture cannot be shown here. Open its file');
  link.append(el('img', { src: address, alt: image.prompt, ...sizes, onerror: instead }));
  return link;
}
