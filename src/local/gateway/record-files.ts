import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The value in a JSON file; null when there is no such file. */
export async function readRecord<T>(path: string): Promise<T | null> {
  return orNullIfMissing(readFile(path, 'utf8').then((text) => JSON.parse(text) as T));
}

/** Writes the value aside and renames it into place: a reader, or a start after a crash, sees the old or the new one. */
export async function writeRecord(path: string, value: unknown, incoming: string): Promise<void> {
  const written = join(incoming, `${randomUUID()}.json`);
  await writeFile(written, JSON.stringify(value));
  // Whoever removes the folder's last object takes the folder away, perhaps between these two steps.
  for (let attempt = 1; attempt < 10; attempt += 1) {
    await mkdir(dirname(path), { recursive: true });
    if (await orNullIfMissing(rename(written, path).then(() => true))) return;
  }
  throw new Error(`No folder to write ${path} into`);
}

/** Removes the folder and the folders above it, up to and without `root`, as far as they are empty. */
export async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let current = folder; current !== root; current = dirname(current)) {
    const removed = await rmdir(current).then(
      () => true,
      () => false, // not empty, or somebody else was first
    );
    if (!removed) return;
  }
}

/** The result of a file operation, or null where the file or folder does not exist. */
export async function orNullIfMissing<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
