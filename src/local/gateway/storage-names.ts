import { join } from 'node:path';
import { StorageError } from './storage-error.ts';

const allowedInKeys = /^[A-Za-z0-9_/!.*'() &$@=;:+,?-]+$/;
const allowedInBucketNames = /^[A-Za-z0-9_!.*'() &$@=;:+,?-]{1,100}$/;
/** File systems stop at 255, and a part of a key gets a prefix and an ending. */
const longestFileName = 240;

/** Refuses a key that Storage refuses (InvalidKey), and one with a part too long for a file name. */
export function requireValidKey(key: string): void {
  const fits = key.split('/').every((part) => asFileName(part).length <= longestFileName);
  if (allowedInKeys.test(key) && fits) return;
  throw new StorageError({ statusCode: 400, code: 'InvalidKey', message: `Invalid key: ${key}` });
}

/** Refuses a bucket name that Storage refuses (InvalidBucketName). */
export function requireValidBucketName(name: string): void {
  if (allowedInBucketNames.test(name)) return;
  const message = 'Bucket name invalid';
  throw new StorageError({ statusCode: 400, error: 'Invalid Input', code: 'InvalidBucketName', message });
}

/**
 * Where things lie in the storage folder. Each part of a key is escaped into one file name and gets a prefix, `+` for a
 * folder and `=` for an object. So no name leads out of the folder (`..` is a name like any other), and an object `a`
 * and an object `a/b` can both exist.
 */
export function storagePaths(storageDir: string) {
  const folder = (bucket: string, key: string) => {
    const parts = key === '' ? [bucket] : [bucket, ...key.split('/')];
    return join(storageDir, 'objects', ...parts.map((part) => `+${asFileName(part)}`));
  };
  return {
    buckets: join(storageDir, 'buckets'),
    bucketRecord: (bucket: string) => join(storageDir, 'buckets', `${asFileName(bucket)}.json`),
    folder,
    objectRecord(bucket: string, key: string) {
      const slash = key.lastIndexOf('/');
      const parent = folder(bucket, key.slice(0, Math.max(slash, 0)));
      return join(parent, `=${asFileName(key.slice(slash + 1))}.json`);
    },
    versions: join(storageDir, 'versions'),
    /** Bytes never change under a version: a new upload is a new version, and the record names the one that counts. */
    version: (version: string) => join(storageDir, 'versions', version),
    /** What is being written. Nothing here counts, and a start empties it. */
    incoming: join(storageDir, 'incoming'),
  };
}

/** See {@link storagePaths}. */
export type StoragePaths = ReturnType<typeof storagePaths>;

/** The names in a folder of the storage folder, told apart and unescaped. */
export function readFolderEntries(entries: string[]): { folders: string[]; objects: string[] } {
  const folders = entries.filter((entry) => entry.startsWith('+')).map((entry) => entry.slice(1));
  const objects = entries
    .filter((entry) => entry.startsWith('='))
    .map((entry) => entry.slice(1, -'.json'.length));
  return { folders: folders.map(decodeURIComponent), objects: objects.map(decodeURIComponent) };
}

function asFileName(part: string): string {
  return encodeURIComponent(part.toWellFormed());
}
