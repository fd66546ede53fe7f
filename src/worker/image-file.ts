import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { createBase64Decoder, MOST_AT_ONCE } from './base64-decoder.ts';
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
  const decoder = createBase64Decoder();
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let headBytes = 0;
  let bytes = 0;

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
      for (let at = 0; at < part.length; at += MOST_AT_ONCE) {
        await store(decoder.decode(part.subarray(at, at + MOST_AT_ONCE)));
      }
    },
    async end() {
      await store(decoder.end());
      await file.close();
      return { content: path, bytes, sha256: hash.digest('hex'), head: Buffer.concat(head) };
    },
    close: () => file.close(),
  };
}
