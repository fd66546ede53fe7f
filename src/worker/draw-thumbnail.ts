import sharp from 'sharp';
import type { ReceivedImage } from './received-image.ts';

/** The longer side, in pixels. Nothing is enlarged. */
const SIDE = 512;
/** More would take hundreds of megabytes to decode. */
const MOST_PIXELS = 50_000_000;
const LONGEST_S = 10;

/** An image in memory, the path of its file, or what fetches it when its turn has come. */
export type Drawable = ReceivedImage['content'] | (() => Promise<Buffer>);

/**
 * The image as a WebP of at most 512 pixels a side, upright and in sRGB.
 *
 * @throws what sharp says of an image that cannot be decoded or has more than 50 million pixels; what `signal` aborts with
 */
export type DrawThumbnail = (image: Drawable, signal: AbortSignal) => Promise<Buffer>;

/** One picture at a time in the whole process, read in strips: that bounds memory and load, however many are made. */
export function createDrawThumbnail(): DrawThumbnail {
  let last: Promise<unknown> = Promise.resolve();
  return (image, signal) => {
    const drawn = last.then(async () => {
      signal.throwIfAborted();
      return draw(typeof image === 'function' ? await image() : image);
    });
    last = drawn.catch(() => undefined);
    return drawn;
  };
}

function draw(content: ReceivedImage['content']): Promise<Buffer> {
  return sharp(content, { limitInputPixels: MOST_PIXELS, sequentialRead: true, failOn: 'truncated' })
    .timeout({ seconds: LONGEST_S })
    .autoOrient()
    .resize({ width: SIDE, height: SIDE, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .webp({ quality: 80, effort: 2 })
    .toBuffer();
}
