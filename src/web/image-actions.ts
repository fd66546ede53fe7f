import { hasEnded, type ImageRecord, type ImageRequest } from '../client/images.ts';
import type { App } from './app.ts';
import { el, fill, webAddress } from './dom.ts';
import { shorten } from './format.ts';
import type { ImageSettings } from './image-fields.ts';
import { createImageForm } from './image-form.ts';
import { hrefOfImage } from './place.ts';
import { tellQueued } from './queued-notice.ts';

type Deps = {
  app: App;
  /** Where what an action asks for is put: a form, a question. */
  place: HTMLElement;
  signal: AbortSignal;
  onDeleted(): void;
};

/** What can be done with an image. */
export function createActions(image: ImageRecord, deps: Deps): HTMLElement {
  const file = webAddress(image.image_url);
  const button = (text: string, onclick: () => void, kind = '') =>
    el('button', { type: 'button', class: kind, onclick }, text);
  return el(
    'div',
    { class: 'actions' },
    button('Regenerate …', () => askForChanges(image, deps), hasEnded(image) ? 'primary' : ''),
    file
      ? el(
          'a',
          { class: 'button', href: downloadOf(file, image), target: '_blank', rel: 'noopener' },
          'Download',
        )
      : null,
    file ? button('Copy link', () => copyLink(file, deps)) : null,
    hasEnded(image) ? null : button('Cancel', () => cancel(image, deps)),
    button('Delete …', () => askWhetherToDelete(image, deps), 'danger'),
  );
}

/** Storage sends what is asked for like this as a file to keep, by a name. */
function downloadOf(address: string, { id, mime_type }: ImageRecord): string {
  const url = new URL(address);
  if (!url.pathname.includes('/storage/v1/object/')) return address;
  const ending = mime_type?.split('/')[1] ?? url.pathname.split('.').at(-1) ?? 'png';
  url.searchParams.set('download', `${id}.${ending}`);
  return url.href;
}

function askForChanges(image: ImageRecord, { app, place, signal }: Deps): void {
  const form = createImageForm(
    app,
    {
      action: 'Regenerate',
      from: image,
      draft: null,
      estimate: (settings, call) => app.client.estimate({ ...settings, ...keptOf(image, settings) }, call),
      submit: (settings, options) => app.client.regenerate(image.id, changesOf(image, settings), options),
      onDone(made) {
        tellQueued(app, made, `In the queue again: ${shorten(made.prompt)}`);
        location.hash = hrefOfImage(made.id);
      },
    },
    signal,
  );
  fill(place, el('h3', {}, 'Regenerate with changes'), form);
  form.querySelector('textarea')?.focus();
}

/** What goes on with a copy beside what the form has: another quality decides the resolution anew. */
function keptOf({ model, quality, resolution }: ImageRecord, settings: ImageSettings): Partial<ImageRequest> {
  const isSame = resolution !== null && settings.quality === quality;
  return {
    ...(model && { model }),
    ...(isSame && { resolution: resolution as NonNullable<ImageRequest['resolution']> }),
  };
}

/** Only what differs: the rest stays as it was stored, to the letter. */
function changesOf<Settings extends Record<string, unknown>>(
  image: ImageRecord,
  settings: Settings,
): Partial<Settings> {
  const before = image as unknown as Record<string, unknown>;
  const changed = Object.entries(settings).filter(([name, value]) => (before[name] ?? null) !== value);
  return Object.fromEntries(changed) as Partial<Settings>;
}

function askWhetherToDelete(image: ImageRecord, { app, place, signal, onDeleted }: Deps): void {
  const remove = async (): Promise<void> => {
    try {
      await app.client.delete(image.id, { signal, retryForMs: 5_000 });
      app.live.drop(image.id);
      app.notices.tell(`Deleted: ${shorten(image.prompt)}`);
      onDeleted();
    } catch (error) {
      if (!signal.aborted) app.notices.fail(error, 'It was not deleted');
    }
  };
  const keep = el('button', { type: 'button', onclick: () => fill(place) }, 'Keep it');
  fill(
    place,
    el('h3', {}, 'Delete this image and its file?'),
    el('p', { class: 'hint' }, 'Links to it stop working. This cannot be undone.'),
    el(
      'div',
      { class: 'actions' },
      el('button', { type: 'button', class: 'danger', onclick: remove }, 'Delete'),
      keep,
    ),
  );
  keep.focus();
}

/** Of the file, which anybody can open: `links.image` asks for a token. Without a clipboard it is shown, to be copied by hand. */
async function copyLink(address: string, { app, place }: Deps): Promise<void> {
  try {
    await navigator.clipboard.writeText(address);
    app.notices.tell('The link is copied.');
  } catch {
    // Browsers refuse it on pages that come by plain HTTP.
    const input = el('input', { readonly: true, value: address, 'aria-label': 'Link to the image' });
    fill(place, el('h3', {}, 'Link to the image'), input);
    input.select();
  }
}

function cancel(image: ImageRecord, { app, signal }: Deps): void {
  app.client
    .cancel(image.id, { signal, retryForMs: 5_000 })
    .then(app.live.put)
    .catch((error: unknown) => {
      if (!signal.aborted) app.notices.fail(error, 'It was not canceled');
    });
}
