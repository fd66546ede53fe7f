import { crc32, deflateSync } from 'node:zlib';
import { misuse } from './refusal.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
// Ancillary, private and safe to copy, as the case of its letters says: every decoder skips it.
const PADDING_CHUNK = 'siMu';
const CHUNK_OVERHEAD = 12;

/**
 * The fewest bytes that {@link paddedPng} can make, of small pictures. Large ones take more: about 220 at 1K, 600 at 2K
 * and 2,400 at 4K.
 */
export const MIN_PADDED_BYTES = 128;

/**
 * A valid black PNG of these pixels and exactly `bytes` bytes. Nothing is drawn: 1K takes a third of a millisecond, 4K
 * five, and even 25 MB cost only their memory.
 *
 * @throws Refusal 400 for fewer bytes than a picture of these pixels has
 */
export function paddedPng(bytes: number, { width, height }: { width: number; height: number }): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1; // bits a sample, so that the rows are short; colour type 0 is grey
  const rows = deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))));
  const before = Buffer.concat([SIGNATURE, chunk('IHDR', header)]);
  const after = Buffer.concat([chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
  const padding = bytes - before.length - after.length - CHUNK_OVERHEAD;
  if (padding < 0) {
    throw misuse(`a PNG of ${width}x${height} has at least ${bytes - padding} bytes, not ${bytes}`);
  }
  return Buffer.concat([before, chunk(PADDING_CHUNK, Buffer.alloc(padding)), after]);
}

function chunk(type: string, data: Buffer): Buffer {
  const framed = Buffer.alloc(data.length + CHUNK_OVERHEAD);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, 'latin1');
  data.copy(framed, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, -4)), framed.length - 4);
  return framed;
}
