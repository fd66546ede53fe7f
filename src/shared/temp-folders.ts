import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a folder is for: uploads on their way to Storage, or images on theirs from Gemini. */
export type TempFolderUse = 'upload' | 'image';

/**
 * Names the process, so that what it left can be told from what another is using: the machine (containers may share a
 * folder, but not their pids), the pid, and its start, since in a container the next process often has the same pid.
 */
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const START = Math.round(performance.timeOrigin);

/** Makes a folder that nobody else can read. */
export function makeTempFolder(use: TempFolderUse): Promise<string> {
  return mkdtemp(join(tmpdir(), `darkroom-${use}-${MACHINE}-${process.pid}-${START}-`));
}

/** Lets `work` have a new folder, and removes it however the work ends. */
export async function withTempFolder<T>(
  use: TempFolderUse,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await makeTempFolder(use);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes the folders of processes that died before they could. */
export async function sweepTempFolders(use: TempFolderUse): Promise<void> {
  const left = new RegExp(`^darkroom-${use}-${MACHINE}-(\\d+)-(\\d+)-`);
  for (const name of await readdir(tmpdir())) {
    const [, pid, start] = left.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid), Number(start))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number, start: number): boolean {
  if (pid === process.pid) return start === START;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Whoever may not signal it is told so, which means that it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
