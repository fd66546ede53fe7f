/** Where the page is, as the part of its address behind `#` says: `#/images/{id}?batch_id=…`. */
export type Place = { view: string; image: string | null; query: URLSearchParams };

export function readPlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view = '', image = ''] = path.split('/');
  return { view, image: image || null, query: new URLSearchParams(query) };
}

/** Whether an image can have that id; whether one does is for the API to say. */
export const isImageId = (text: string): boolean => /^[0-9a-f-]{36}$/i.test(text);

export function hrefOf({
  view,
  image,
  query,
}: {
  view: string;
  image?: string;
  query?: URLSearchParams;
}): string {
  const path = ['#', view, image].filter(Boolean).join('/');
  return query && query.size > 0 ? `${path}?${query}` : path;
}

/** The address of an image, over whatever view is there. */
export function hrefOfImage(id: string): string {
  const { view, query } = readPlace(location.hash);
  return hrefOf({ view: view || 'images', image: id, query });
}

/** The view again, without an image. */
export function leaveImage(): void {
  const { view, query, image } = readPlace(location.hash);
  if (image !== null) location.hash = hrefOf({ view, query });
}
