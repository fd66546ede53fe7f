import { createHash } from 'node:crypto';

/** An image as it came: small ones in memory, large ones in a file. */
export type ReceivedImage = {
  /** The bytes, or the path of the file that has them. */
  content: Buffer | string;
  bytes: number;
  /** In hexadecimal. */
  sha256: string;
  /** The first 12 bytes, which tell what it is. */
  head: Buffer;
};

export const HEAD_BYTES = 12;

export function receivedInMemory(content: Buffer): ReceivedImage {
  return {
    content,
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    head: content.subarray(0, HEAD_BYTES),
  };
}
