import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { FieldError } from './api-error.ts';
import type { ReceivedFile } from './receive-files.ts';

const MOST_PIXELS = 50_000_000;
const LONGEST_SIDE = 8_192;

const FORMATS = {
  png: { mimeType: 'image/png', extension: 'png' },
  jpeg: { mimeType: 'image/jpeg', extension: 'jpg' },
  webp: { mimeType: 'image/webp', extension: 'webp' },
} as const;
type Format = keyof typeof FORMATS;

/**
 * What a browser or a PHP server might run if it were told to. Long enough that the noise of compressed pixels does not
 * hold it by chance. What stands behind one `<svg` is read only up to the next: a file full of them would stop the
 * process for seconds.
 */
const MARKUP = /<(?:!doctype|html|script|iframe|\?php)[\s>]|<svg\s(?:(?!<svg\s)[^>]){0,500}xmlns/i;
const ZIP_END = 'PK\x05\x06';
const ZIP_END_BYTES = 22;

export type InspectedFile = ReceivedFile & { mimeType: string; extension: string };
/** Answers what the bytes of a file are, or why it cannot be taken. */
export type InspectUpload = (file: ReceivedFile) => Promise<InspectedFile | FieldError>;

/**
 * Finds out from the bytes alone, whatever name and type were told, whether a file is one picture that can be shown to
 * a model. One file at a time in the whole process, since a picture is decoded to see whether it can be: that bounds
 * the memory, however many upload at once.
 */
export function createInspectUpload(): InspectUpload {
  let last: Promise<unknown> = Promise.resolve();
  return (file) => {
    const inspected = last.then(async () => {
      const bytes = await readFile(file.path);
      const found = await inspect(bytes);
      return typeof found === 'string' ? { ...file, ...FORMATS[found] } : { pointer: file.pointer, ...found };
    });
    last = inspected.catch(() => undefined);
    return inspected;
  };
}

export const isInspected = (one: InspectedFile | FieldError): one is InspectedFile => 'mimeType' in one;

async function inspect(bytes: Buffer): Promise<Format | Omit<FieldError, 'pointer'>> {
  const text = bytes.toString('latin1');
  const format = readMagic(text);
  // No other bytes ever reach a decoder: libvips knows many formats, SVG among them.
  if (!format) return unreadable(bytes.length === 0 ? 'is empty' : 'is no PNG, JPEG or WebP');
  if (holdsOtherDocument(text)) return unreadable('holds more than a picture');
  try {
    const { width, height, pages = 1 } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (Math.max(width, height) > LONGEST_SIDE || width * height > MOST_PIXELS) {
      const detail = `is ${width}x${height}; ${LONGEST_SIDE} a side and ${MOST_PIXELS} pixels are the most`;
      return { code: 'too_big', detail };
    }
    if (pages > 1) return unreadable('is animated');
    // Every line is read to make a few pixels of them all: a picture that breaks off is found out.
    await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'truncated', sequentialRead: true })
      .resize(8, 8, { fit: 'fill', fastShrinkOnLoad: false })
      .raw()
      .toBuffer();
    return format;
  } catch {
    // sharp throws for bytes that are no picture: that is the answer here, not a fault.
    return unreadable('cannot be decoded');
  }
}

function readMagic(text: string): Format | null {
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  return text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP' ? 'webp' : null;
}

/** A file may be a picture to one program and a page, a PDF or an archive to another. */
function holdsOtherDocument(text: string): boolean {
  return MARKUP.test(text) || text.slice(0, 1_024).includes('%PDF-') || endsAsZip(text);
}

/** An archive is found from its end, whatever stands before it: its last record tells how long its comment is. */
function endsAsZip(text: string): boolean {
  for (let at = text.lastIndexOf(ZIP_END); at >= 0 && at >= text.length - 65_557; ) {
    const comment = text.charCodeAt(at + 20) + 256 * text.charCodeAt(at + 21);
    if (at + ZIP_END_BYTES + comment === text.length) return true;
    at = at === 0 ? -1 : text.lastIndexOf(ZIP_END, at - 1);
  }
  return false;
}

const unreadable = (detail: string) => ({ code: 'unreadable_image', detail });
