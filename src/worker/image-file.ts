import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { HEAD_BYTES, type ReceivedImage } from './received-image.ts';

/** The largest that models are known to make have 25 MB. */
const MOST_BYTES = 128 * 1024 * 1024;

/** An image has more bytes than any model makes. */
export class ImageTooLarge extends Error {
  constructor() {
    super(`An image of Gemini has more than ${MOST_BYTES} bytes.`);
    this.name = 'ImageTooLarge';
  }
}

export type ImageFile = {
  /** Takes the next piece of the image's base64 as it stands in JSON, cut anywhere. */
  write(part: Buffer): Promise<void>;
  end(): Promise<ReceivedImage>;
  /** May be done at any time, and twice. */
  close(): Promise<void>;
};

/** Writes base64 to a new file as the bytes that it stands for, and measures and hashes them on the way. */
export async function createImageFile(path: string): Promise<ImageFile> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let headBytes = 0;
  let bytes = 0;
  let rest = '';

  const store = async (decoded: Buffer): Promise<void> => {
    bytes += decoded.length;
    if (bytes > MOST_BYTES) throw new ImageTooLarge();
    hash.update(decoded);
    if (headBytes < HEAD_BYTES) head.push(Buffer.from(decoded.subarray(0, HEAD_BYTES - headBytes)));
    headBytes += decoded.length;
    for (let at = 0; at < decoded.length; ) at += (await file.write(decoded, at)).bytesWritten;
  };

  return {
    async write(part) {
      const { text, rest: cut } = decodeEscapes(rest + part.toString('latin1'));
      const whole = text.length - (text.length % 4);
      rest = text.slice(whole) + cut;
      await store(Buffer.from(text.slice(0, whole), 'base64'));
    },
    async end() {
      await store(Buffer.from(rest, 'base64'));
      await file.close();
      return { content: path, bytes, sha256: hash.digest('hex'), head: Buffer.concat(head) };
    },
    close: () => file.close(),
  };
}

/** JSON may write `/` and `=` in other ways; `rest` is an escape whose end has not come yet. */
function decodeEscapes(text: string): { text: string; rest: string } {
  const first = text.indexOf('\\');
  if (first === -1) return { text, rest: '' };
  const last = text.lastIndexOf('\\');
  const isCut = text.length - last < (text[last + 1] === 'u' || text[last + 1] === undefined ? 6 : 2);
  const end = isCut ? last : text.length;
  const decoded = text
    .slice(0, end)
    .replace(/\\u([0-9a-fA-F]{4})/g, (_escape, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    )
    .replaceAll('\\/', '/');
  return { text: decoded, rest: text.slice(end) };
}
