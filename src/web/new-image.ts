import type { App } from './app.ts';
import { el } from './dom.ts';
import { shorten } from './format.ts';
import { createImageForm } from './image-form.ts';
import { tellQueued } from './queued-notice.ts';

/** The form at the side. What it holds stays, for the next image is often nearly the same. */
export function createNewImage(app: App, signal: AbortSignal): HTMLElement {
  const form = createImageForm(
    app,
    {
      action: 'Make the image',
      from: null,
      draft: app.draft,
      estimate: app.client.estimate,
      submit: app.client.submit,
      onDone: (image) => tellQueued(app, image, `In the queue: ${shorten(image.prompt)}`),
    },
    signal,
  );
  return el(
    'section',
    { class: 'panel new-image', 'aria-labelledby': 'new-image' },
    el('h1', { id: 'new-image' }, 'New image'),
    form,
  );
}
