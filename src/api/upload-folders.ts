import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Names the process, so that what it left can be told from what another is using: the machine (containers may share a
 * folder, but not their pids), the pid, and its start, since in a container the next process often has the same pid.
 */
const MACHINE = `darkroom-upload-${createHash('sha256').update(hostname()).digest('hex').slice(0, 8)}`;
const START = Math.round(performance.timeOrigin);
const FOLDER = new RegExp(`^${MACHINE}-(\\d+)-(\\d+)-`);

/** Lets `work` have a new folder that nobody else can read, and removes it however the work ends. */
export async function withUploadFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), `${MACHINE}-${process.pid}-${START}-`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes the folders of processes that died before they could. */
export async function sweepUploadFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid, start] = FOLDER.exec(name) ?? [];
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
