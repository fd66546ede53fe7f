import { createHash } from 'node:crypto';
import sharp from 'sharp';

/** More would take hundreds of megabytes to decode. */
const MOST_PIXELS = 50_000_000;
const LONGEST_S = 30;
/** Kept of what was made smaller, since the images of a dataset come again with every prompt that names it. */
const MOST_BYTES_KEPT = 64 * 1024 * 1024;

/**
 * What is tried, in this order. A model looks at an image in about a thousand tokens, so it sees no difference at the
 * first of these and hardly one at the last; even noise fits into a megabyte there.
 */
const STEPS = [
  { side: 3_072, quality: 90 },
  { side: 2_048, quality: 90 },
  { side: 1_536, quality: 85 },
  { side: 1_024, quality: 80 },
  { side: 768, quality: 70 },
] as const;

/**
 * The same picture in at most `mostBytes`: upright, in sRGB, a JPEG or, where something of it is transparent, a WebP.
 * Null when it cannot be decoded, has more than 50 million pixels, or fits in no way.
 *
 * @throws what `signal` aborts with
 */
export type ShrinkImage = (bytes: Buffer, mostBytes: number, signal: AbortSignal) => Promise<Buffer | null>;

/** One picture at a time in the whole process: that bounds the memory, however many images are being made. */
export function createShrinkImage(): ShrinkImage {
  const kept = new Map<string, Buffer>();
  let bytesKept = 0;
  let last: Promise<unknown> = Promise.resolve();

  const keep = (key: string, shrunk: Buffer): void => {
    kept.set(key, shrunk);
    bytesKept += shrunk.length;
    for (const [oldest, { length }] of kept) {
      if (bytesKept <= MOST_BYTES_KEPT) break;
      kept.delete(oldest);
      bytesKept -= length;
    }
  };

  const shrinkOnce = async (bytes: Buffer, mostBytes: number): Promise<Buffer | null> => {
    const key = `${createHash('sha256').update(bytes).digest('base64')} ${mostBytes}`;
    const known = kept.get(key);
    const shrunk = known ?? (await shrink(bytes, mostBytes));
    // What was asked for last goes last.
    if (known && kept.delete(key)) bytesKept -= known.length;
    if (shrunk) keep(key, shrunk);
    return shrunk;
  };

  return (bytes, mostBytes, signal) => {
    const shrunk = last.then(() => {
      signal.throwIfAborted();
      return shrinkOnce(bytes, mostBytes);
    });
    last = shrunk.catch(() => undefined);
    return shrunk;
  };
}

async function shrink(bytes: Buffer, mostBytes: number): Promise<Buffer | null> {
  const pixels = await decode(bytes);
  if (!pixels) return null;
  const { data, info } = pixels;
  const raw = { width: info.width, height: info.height, channels: info.channels };
  const hasAlpha = info.channels % 2 === 0;
  for (const { side, quality } of STEPS) {
    const smaller = sharp(data, { raw }).resize(inside(side));
    const shrunk = await (hasAlpha
      ? smaller.webp({ quality, effort: 2 })
      : smaller.jpeg({ quality })
    ).toBuffer();
    if (shrunk.length <= mostBytes) return shrunk;
  }
  return null;
}

/** Once, and no larger than the first step: all steps are made from it. */
async function decode(bytes: Buffer) {
  try {
    return await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'truncated' })
      .timeout({ seconds: LONGEST_S })
      .autoOrient()
      .resize(inside(STEPS[0].side))
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
  } catch {
    // sharp throws for what it cannot decode: that is the answer here, not a fault.
    return null;
  }
}

const inside = (side: number) =>
  ({ width: side, height: side, fit: 'inside', withoutEnlargement: true }) as const;
