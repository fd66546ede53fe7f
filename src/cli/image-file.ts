import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { ImageRecord } from '../client/images.ts';
import { toFileName } from './file-name.ts';

/** What a file has to be. Images of an older service tell neither. */
export type Expected = Pick<ImageRecord, 'bytes' | 'sha256'>;

/** Whether this file is the image, by its size and its hash; false when there is none. */
export async function isImage(path: string, { bytes, sha256 }: Expected): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile() || (bytes !== null && found.size !== bytes)) return false;
  if (sha256 === null) return bytes !== null;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex') === sha256;
}

const PART = /^\.darkroom-(.+)-(\d+)-[^-]+\.part$/;

/** Where a file grows, in the folder where it will lie: a name of this process and this machine. */
export const partName = (n: number): string =>
  `.darkroom-${toFileName(hostname())}-${process.pid}-${n.toString(36)}.part`;

/** Whether that is what a process of this machine has left that is no more. */
export function isLeftOver(name: string): boolean {
  const [, host, pid] = PART.exec(name) ?? [];
  return host === toFileName(hostname()) && Number(pid) !== process.pid && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Gives a whole file its name, in one step. False when something is there already; that stays, unless `overwrite`. A file
 * system without links cannot tell: there, what another process put under the name in the same moment is lost.
 */
export async function giveName(
  part: string,
  path: string,
  { overwrite }: { overwrite: boolean },
): Promise<boolean> {
  if (overwrite) {
    await rename(part, path);
    return true;
  }
  try {
    await link(part, path);
    await unlink(part);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? '')) throw error;
  }
  if (await stat(path).catch(() => null)) return false;
  await rename(part, path);
  return true;
}
