import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createKeyedQueue } from './keyed-queue.ts';
import { orNullIfMissing, readRecord, removeEmptyFolders, writeRecord } from './record-files.ts';
import type { StoragePaths } from './storage-names.ts';

/** An object as the Storage API shows it: `metadata` is the server's, `user_metadata` the uploader's. */
export interface StoredObject {
  id: string;
  name: string;
  bucket_id: string;
  owner: string;
  owner_id: string;
  version: string;
  created_at: string;
  updated_at: string;
  last_accessed_at: string;
  metadata: ObjectMetadata;
  user_metadata: Record<string, unknown>;
}

/** What the server knows of the bytes; `eTag` is their MD5 in quotes. */
export interface ObjectMetadata {
  eTag: string;
  size: number;
  mimetype: string;
  cacheControl: string;
  lastModified: string;
  contentLength: number;
  httpStatusCode: 200;
}

/** Bytes that have arrived whole, lying under the folder for what is being written. */
export interface ReceivedBytes {
  path: string;
  size: number;
  md5: string;
}

/** Objects: one record (JSON) and one file of bytes each, at any moment complete or absent. */
export interface ObjectStore {
  find(bucket: string, key: string): Promise<StoredObject | null>;
  /** Makes the bytes the object's, in place of earlier ones; the object keeps the id it had. */
  put(object: NewObject, bytes: ReceivedBytes): Promise<StoredObject>;
  /** The object with its bytes open, so that a removal meanwhile does no harm; the caller closes them. */
  open(bucket: string, key: string): Promise<{ object: StoredObject; file: FileHandle } | null>;
  /** The object that was removed; null when there was none. */
  remove(bucket: string, key: string): Promise<StoredObject | null>;
}

/** What an upload says of its object. */
export interface NewObject {
  bucket: string;
  key: string;
  mimeType: string;
  cacheControl: string;
  userMetadata: Record<string, unknown>;
}

/**
 * Keeps objects in the storage folder. Writing the record is the one step that counts: before it the new bytes belong to
 * nobody, after it the old ones do. A crash in between leaves at most bytes that no record names.
 */
export function createObjectStore(paths: StoragePaths): ObjectStore {
  const inTurn = createKeyedQueue();
  const find = (bucket: string, key: string) => readRecord<StoredObject>(paths.objectRecord(bucket, key));

  return {
    find,
    put: (object, bytes) =>
      inTurn(`${object.bucket}/${object.key}`, async () => {
        const previous = await find(object.bucket, object.key);
        const stored = describeObject(object, bytes, previous);
        await rename(bytes.path, paths.version(stored.version));
        await writeRecord(paths.objectRecord(object.bucket, object.key), stored, paths.incoming);
        if (previous) await rm(paths.version(previous.version), { force: true });
        return stored;
      }),
    async open(bucket, key) {
      let missing: string | undefined;
      for (;;) {
        const object = await find(bucket, key);
        if (!object || object.version === missing) return null;
        const file = await orNullIfMissing(open(paths.version(object.version)));
        if (file) return { object, file };
        // Replaced between the two steps: the record names another version by now.
        missing = object.version;
      }
    },
    remove: (bucket, key) =>
      inTurn(`${bucket}/${key}`, async () => {
        const object = await find(bucket, key);
        if (!object) return null;
        const record = paths.objectRecord(bucket, key);
        await rm(record);
        await rm(paths.version(object.version), { force: true });
        await removeEmptyFolders(dirname(record), paths.folder(bucket, ''));
        return object;
      }),
  };
}

function describeObject(
  { bucket, key, mimeType, cacheControl, userMetadata }: NewObject,
  { size, md5 }: ReceivedBytes,
  previous: StoredObject | null,
): StoredObject {
  const now = new Date().toISOString();
  return {
    id: previous?.id ?? randomUUID(),
    name: key,
    bucket_id: bucket,
    owner: '',
    owner_id: '',
    version: randomUUID(),
    created_at: previous?.created_at ?? now,
    updated_at: now,
    last_accessed_at: now,
    metadata: {
      eTag: `"${md5}"`,
      size,
      mimetype: mimeType,
      cacheControl,
      lastModified: now,
      contentLength: size,
      httpStatusCode: 200,
    },
    user_metadata: userMetadata,
  };
}
