import type { View } from './app.ts';
import { el, fill } from './dom.ts';
import { createGallery } from './gallery.ts';
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
        el('div', { class: 'stream' }, createQueueList(app, signal), createGallery(app, query, signal)),
      ),
    );
  },
};
