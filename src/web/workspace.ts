import type { App, View } from './app.ts';
import { el, fill, say } from './dom.ts';
import { createImageDialog } from './image-dialog.ts';
import type { Connection } from './live-images.ts';
import { hrefOf, isImageId, type Place, readPlace } from './place.ts';
import { VIEWS } from './views.ts';

const CONNECTIONS: Record<Connection, string> = {
  connecting: 'Connecting …',
  live: 'Live',
  polling: 'Updated every few seconds',
  lost: 'Darkroom does not answer; trying again …',
};

/** The menu and the view that the address names, until the session ends. */
export function openWorkspace(app: App, header: HTMLElement, main: HTMLElement): void {
  const links = new Map(
    VIEWS.map((view) => [view.name, el('a', { href: hrefOf({ view: view.name }) }, view.title)]),
  );
  const connection = el('p', { role: 'status', class: 'connection' });
  const items = [...links.values()].map((link) => el('li', {}, link));
  fill(header, el('nav', { 'aria-label': 'Views' }, el('ul', {}, ...items)), connection);

  const showConnection = (): void => {
    connection.dataset.state = app.live.connection();
    say(connection, CONNECTIONS[app.live.connection()]);
  };
  showConnection();
  app.live.on(({ type }) => {
    if (type === 'connection') showConnection();
  }, app.signal);

  const dialog = createImageDialog(app);
  let left = new AbortController();
  let shown = '';
  const show = (): void => {
    const place = findPlace(app);
    const view = VIEWS.find(({ name }) => name === place.view) as View;
    const key = `${view.name}?${place.query}`;
    if (key !== shown) {
      left.abort();
      left = new AbortController();
      document.title = `${view.title} · Darkroom`;
      for (const [name, link] of links) {
        if (name === view.name) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
      }
      fill(main);
      // Whoever does not see the page is to find the view where it begins.
      if (shown !== '') main.focus();
      shown = key;
      view.open(app, main, place.query, AbortSignal.any([left.signal, app.signal]));
    }
    if (place.image === null) dialog.close();
    else dialog.open(place.image);
  };
  addEventListener('hashchange', show, { signal: app.signal });
  app.signal.addEventListener('abort', () => dialog.close(), { once: true });
  show();
}

/** Where the address leads; one that leads nowhere is told, and made one that does. */
function findPlace({ notices }: App): Place {
  const asked = readPlace(location.hash);
  const isView = VIEWS.some(({ name }) => name === asked.view);
  const isImage = asked.image === null || isImageId(asked.image);
  const place = {
    ...asked,
    view: isView ? asked.view : (VIEWS[0] as View).name,
    image: isImage ? asked.image : null,
  };
  if (isView && isImage) return place;
  if (asked.view !== '') {
    notices.warn(isView ? 'There is no such image.' : 'There is no such page.');
    history.replaceState(null, '', hrefOf({ ...place, image: place.image ?? '' }));
  }
  return place;
}
