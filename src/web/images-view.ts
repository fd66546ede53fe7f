import type { App, View } from './app.ts';
import { el, fill } from './dom.ts';
import { createGallery } from './gallery.ts';
import { createHoldList } from './holds.ts';
import { createNewImage } from './new-image.ts';
import { createQueueList } from './queue-list.ts';

/** Make an image, see it coming, and find all that were made. */
export const imagesView: View = {
  name: 'images',
  title: 'Images',
  open(app, place, query, signal) {
    fill(
      place,
      el(
        'div',
        { class: 'columns' },
        createNewImage(app, signal),
        el(
          'div',
          { class: 'stream' },
          createHolds(app, signal),
          createQueueList(app, signal),
          createGallery(app, query, signal),
        ),
      ),
    );
  },
};

/** What holds everybody's images back: whoever waits is to know. */
function createHolds({ load }: App, signal: AbortSignal): HTMLElement {
  const node = el('div', { role: 'status' });
  const show = (): void => {
    const list = createHoldList(load.current()?.holds ?? []);
    if (node.textContent !== (list?.textContent ?? '')) fill(node, list);
  };
  show();
  load.on(show, signal);
  return node;
}
