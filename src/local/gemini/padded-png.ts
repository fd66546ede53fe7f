import { crc32, deflateSync } from 'node:zlib';

const SIDE = 16;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
// Ancillary, private and safe to copy, as the case of its letters says: every decoder skips it.
const PADDING_CHUNK = 'siMu';
const CHUNK_OVERHEAD = 12;

/** The fewest bytes that {@link paddedPng} can make. */
export const MIN_PADDED_BYTES = 128;

/** A valid 16 x 16 grey PNG of exactly `bytes` bytes; nothing is drawn, so even 25 MB cost only their memory. */
export function paddedPng(bytes: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(SIDE, 4);
  header[8] = 8; // bits a sample; colour type 0 is grey
  const rows = deflateSync(
    Buffer.alloc(SIDE * (SIDE + 1), 0x80).map((value, at) => (at % (SIDE + 1) ? value : 0)),
  );
  const before = Buffer.concat([SIGNATURE, chunk('IHDR', header)]);
  const after = Buffer.concat([chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
  const padding = bytes - before.length - after.length - CHUNK_OVERHEAD;
  if (padding < 0) throw new RangeError(`a padded PNG has at least ${MIN_PADDED_BYTES} bytes, not ${bytes}`);
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
