import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts';
import { isSystemError, StackError } from './stack-error.ts';

/**
 * Takes the data folder for this process and returns what gives it back. Throws a StackError that names the holder
 * when another process has it. The lock of a dead holder, also one whose pid was given again, is taken over.
 *
 * The lock is a symbolic link whose text names the holder: made whole in one step, on every file system.
 */
export function lockDataFolder(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const lock = join(dataDir, 'lock');
  const own = identifyProcess(process.pid);
  if (!own)
    throw new StackError('This process cannot be identified: neither /proc nor ps tells when it began.');
  const text = `${own.pid} ${own.startedAt}`;
  while (!tryLink(text, lock)) removeIfStale(lock, dataDir);
  return () => {
    if (readHolder(lock) === text) rmSync(lock, { force: true });
  };
}

function tryLink(text: string, lock: string): boolean {
  try {
    symlinkSync(text, lock);
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}

function removeIfStale(lock: string, dataDir: string): void {
  const text = readHolder(lock);
  if (text === null) return;
  const holder = parseHolder(text);
  if (isRunning(holder)) {
    throw new StackError(`Another Darkroom (process ${holder.pid}) already uses ${dataDir}; stop it first.`);
  }
  // Two may find the same dead holder; what the slower one moves away may be the quicker one's fresh lock.
  const aside = `${lock}.${process.pid}`;
  if (!tryRename(lock, aside)) return;
  const moved = readHolder(aside);
  if (moved !== null && moved !== text) tryLink(moved, lock);
  rmSync(aside, { force: true });
}

function tryRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

function readHolder(lock: string): string | null {
  try {
    return readlinkSync(lock);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

function parseHolder(text: string): ProcessIdentity {
  const space = text.indexOf(' ');
  return { pid: Number(text.slice(0, space)), startedAt: text.slice(space + 1) };
}
