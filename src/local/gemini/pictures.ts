import { drawPicture, type ImageMime } from './draw-picture.ts';
import type { ImageOrder } from './image-order.ts';
import { paddedPng } from './padded-png.ts';

/** An image as it goes on the wire: base64 text in a buffer, so that 25 MB need not become a JavaScript string. */
export type Picture = { mimeType: string; base64: Buffer };

/** How many sizes of padded images are kept; benchmarks ask for a handful. */
const KEPT_SIZES = 4;

/** Encodes image bytes for the wire. */
export function pictureOf(mimeType: string, bytes: Buffer): Picture {
  return { mimeType, base64: Buffer.from(bytes.toString('base64'), 'latin1') };
}

/** Draws the order's prompt. */
export async function drawnPicture(order: ImageOrder, mime: ImageMime): Promise<Picture> {
  return pictureOf(mime, await drawPicture(order, mime));
}

/** Makes `paddedPicture(bytes)`: a PNG of exactly that many bytes, made once for each of the sizes last used. */
export function createPaddedPictures(): (bytes: number) => Picture {
  const kept = new Map<number, Picture>();
  return (bytes) => {
    const picture = kept.get(bytes) ?? pictureOf('image/png', paddedPng(bytes));
    kept.delete(bytes);
    kept.set(bytes, picture);
    const [oldest] = kept.keys();
    if (kept.size > KEPT_SIZES && oldest !== undefined) kept.delete(oldest);
    return picture;
  };
}
