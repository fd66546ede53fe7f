import { drawPicture, type ImageMime } from './draw-picture.ts';
import type { ImageOrder } from './image-order.ts';
import { paddedPng } from './padded-png.ts';

/** An image as it goes on the wire: base64 text in a buffer, so that 25 MB need not become a JavaScript string. */
export type Picture = { mimeType: string; base64: Buffer };

/** How many padded images are kept; benchmarks ask for a handful. */
const KEPT = 4;

/** Encodes image bytes for the wire. */
export function pictureOf(mimeType: string, bytes: Buffer): Picture {
  return { mimeType, base64: Buffer.from(bytes.toString('base64'), 'latin1') };
}

/** Draws the order's prompt. */
export async function drawnPicture(order: ImageOrder, mime: ImageMime): Promise<Picture> {
  return pictureOf(mime, await drawPicture(order, mime));
}

/** Makes `paddedPicture(bytes, order)`: a PNG of exactly that many bytes, made once for each of those last used. */
export function createPaddedPictures(): (bytes: number, order: ImageOrder) => Picture {
  const kept = new Map<string, Picture>();
  return (bytes, { width, height }) => {
    const name = `${bytes} ${width}x${height}`;
    const picture = kept.get(name) ?? pictureOf('image/png', paddedPng(bytes, { width, height }));
    kept.delete(name);
    kept.set(name, picture);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return picture;
  };
}
