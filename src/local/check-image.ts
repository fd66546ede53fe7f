import sharp from 'sharp';
import { StackError } from './stack-error.ts';

/** Models round to whole blocks of pixels, so a ratio is never met exactly. */
const TOLERANCE = 0.02;

/** Downloads an image and reads its size. Throws a StackError unless it is a whole PNG of this ratio, within 2 %. */
export async function checkPng(
  url: string,
  ratio: number,
  signal: AbortSignal,
): Promise<{ width: number; height: number; bytes: number }> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new StackError(`${url} answered ${response.status}.`);
  const bytes = Buffer.from(await response.arrayBuffer());
  // Decodes every pixel: the header alone of a torn file would pass.
  const { info } = await sharp(bytes, { failOn: 'truncated' }).raw().toBuffer({ resolveWithObject: true });
  const { format } = await sharp(bytes).metadata();
  const { width, height } = info;
  if (format !== 'png') throw new StackError(`${url} is not PNG but ${format}.`);
  if (Math.abs(width / height / ratio - 1) > TOLERANCE) {
    throw new StackError(`${url} is ${width} × ${height}, which is not the ratio that was asked for.`);
  }
  return { width, height, bytes: bytes.length };
}
