import sharp from 'sharp';
import type { Warning } from '../shared/generation.ts';
import type { Resolution } from '../shared/models.ts';
import { HEAD_BYTES, type ReceivedImage, receivedInMemory } from './received-image.ts';

const MIME_TYPES = { png: 'image/png', jpeg: 'image/jpeg', webp: 'image/webp' } as const;
export type ImageFormat = keyof typeof MIME_TYPES;

export type InspectedImage = Pick<ReceivedImage, 'content' | 'bytes' | 'sha256'> & {
  format: ImageFormat;
  mimeType: string;
  width: number;
  height: number;
  warnings: Warning[];
};

/** How far the measured ratio may be off before it is worth a warning: models round their sizes to multiples of 8 or 16. */
const RATIO_TOLERANCE = 0.03;

/** The side of a picture of 1:1. In other ratios Gemini's pictures have about as many pixels. */
const SIDES: Record<Resolution, number> = { '1K': 1024, '2K': 2048, '4K': 4096 };

/**
 * How far the side of a square with as many pixels may be off. Gemini's documented sizes are up to 6.1 % above (1:8),
 * those seen live down to 0.9 % below, and the next resolution is twice or half as long.
 */
const SIDE_TOLERANCE = 0.15;

/** The format to store, and what the model was told to draw; null where anything is right. */
export type AskedImage = {
  format: string | null;
  aspectRatio: string | null;
  resolution: Resolution | null;
};

/**
 * Reads what the bytes are from the bytes themselves, since the type that models name has been wrong. They stay as
 * they are (re-encoding would strip their content credentials) unless another format was asked for.
 *
 * @returns null when they are no PNG, JPEG or WebP that can be read, which for bytes that stay as they are means a header
 */
export async function inspectImage(
  original: ReceivedImage,
  asked: AskedImage,
): Promise<InspectedImage | null> {
  const found = await measure(original);
  if (!found) return null;
  const wanted = isFormat(asked.format) && asked.format !== found.format ? asked.format : null;
  const stored = wanted ? await transcode(original, wanted) : { ...found, ...original };
  if (!stored) return null;
  const { content, bytes, sha256, format, width, height } = stored;
  return {
    ...{ content, bytes, sha256, format, width, height },
    mimeType: MIME_TYPES[format],
    warnings: [...ratioWarnings(stored, asked.aspectRatio), ...sizeWarnings(stored, asked.resolution)],
  };
}

/** The MIME type by the bytes, and null for what is no image that a model can look at. */
export async function sniffMimeType(bytes: Buffer): Promise<string | null> {
  const found = await measure({ content: bytes, head: bytes.subarray(0, HEAD_BYTES) });
  return found && MIME_TYPES[found.format];
}

type Size = { width: number; height: number };
type Measured = Size & { format: ImageFormat };

/** How a PNG, a JPEG and a WebP begin, in hexadecimal. */
const BEGINNINGS = /^(?:89504e470d0a1a0a|ffd8ff|52494646.{8}57454250)/;

/** sharp refuses what has more than 268 million pixels. */
async function measure({ content, head }: Pick<ReceivedImage, 'content' | 'head'>): Promise<Measured | null> {
  // Or strangers' bytes would choose among all the decoders there are, SVG's included.
  if (!BEGINNINGS.test(head.toString('hex'))) return null;
  try {
    const { format, width, height } = await sharp(content).metadata();
    return isFormat(format) ? { format, width, height } : null;
  } catch {
    // sharp throws for bytes that are no image: that is the answer here, not a fault.
    return null;
  }
}

/** The pixels of a broken image are found to be broken only now. */
async function transcode(
  { content }: Pick<ReceivedImage, 'content'>,
  format: ImageFormat,
): Promise<(Measured & ReceivedImage) | null> {
  try {
    const image = sharp(content).autoOrient().toFormat(format);
    const { data, info } = await image.toBuffer({ resolveWithObject: true });
    return { ...receivedInMemory(data), format, width: info.width, height: info.height };
  } catch {
    // As in measure: sharp's way to say that these are not the bytes of an image.
    return null;
  }
}

function isFormat(format: string | null): format is ImageFormat {
  return format !== null && Object.hasOwn(MIME_TYPES, format);
}

function ratioWarnings({ width, height }: Size, asked: string | null): Warning[] {
  const [across = 0, down = 0] = (asked ?? '').split(':').map(Number);
  if (!across || !down) return [];
  const off = Math.abs(width / height / (across / down) - 1);
  if (off <= RATIO_TOLERANCE) return [];
  return [{ code: 'aspect_ratio_differs', message: `Asked for ${asked}, got ${width}x${height}.` }];
}

/** By the number of pixels, so that a picture of another shape alone does not count as one of another size. */
function sizeWarnings({ width, height }: Size, asked: Resolution | null): Warning[] {
  if (!asked) return [];
  const off = Math.abs(Math.sqrt(width * height) / SIDES[asked] - 1);
  if (off <= SIDE_TOLERANCE) return [];
  return [{ code: 'resolution_differs', message: `Asked for ${asked}, got ${width}x${height}.` }];
}
