import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readRecord, writeRecord } from './record-files.ts';
import { alreadyExists, noSuchBucket, StorageError } from './storage-error.ts';
import type { StoragePaths } from './storage-names.ts';

/** A bucket as the Storage API shows it. */
export interface Bucket {
  id: string;
  name: string;
  owner: string;
  public: boolean;
  /** In bytes; null for the server's own limit. */
  file_size_limit: number | null;
  /** `image/png` or `image/*`; null for any. */
  allowed_mime_types: string[] | null;
  created_at: string;
  updated_at: string;
}

/** What a client may set on a bucket. */
export type BucketOptions = Partial<Pick<Bucket, 'public' | 'file_size_limit' | 'allowed_mime_types'>>;

/** Buckets, one small JSON file each. */
export interface BucketStore {
  find(name: string): Promise<Bucket | null>;
  list(): Promise<Bucket[]>;
  create(name: string, options: BucketOptions): Promise<void>;
  update(name: string, options: BucketOptions): Promise<void>;
  /** Refuses (ResourceNotEmpty) while the bucket holds an object. */
  remove(name: string, isEmpty: () => Promise<boolean>): Promise<void>;
}

/** Keeps buckets in the storage folder. Errors are the Storage API's: BucketAlreadyExists, NoSuchBucket. */
export function createBucketStore(paths: StoragePaths): BucketStore {
  const find = (name: string) => readRecord<Bucket>(paths.bucketRecord(name));
  const write = (bucket: Bucket) => writeRecord(paths.bucketRecord(bucket.id), bucket, paths.incoming);
  return {
    find,
    async list() {
      const files = await readdir(paths.buckets);
      const buckets = await Promise.all(files.map((file) => readRecord<Bucket>(join(paths.buckets, file))));
      return buckets.filter((bucket) => bucket !== null);
    },
    async create(name, options) {
      if (await find(name)) throw alreadyExists('BucketAlreadyExists');
      const now = new Date().toISOString();
      const bucket = { public: false, file_size_limit: null, allowed_mime_types: null, ...options };
      await write({ id: name, name, owner: '', ...bucket, created_at: now, updated_at: now });
    },
    async update(name, options) {
      const bucket = await find(name);
      if (!bucket) throw noSuchBucket();
      await write({ ...bucket, ...options, updated_at: new Date().toISOString() });
    },
    async remove(name, isEmpty) {
      if (!(await find(name))) throw noSuchBucket();
      if (!(await isEmpty())) {
        const message = 'The bucket you tried to delete is not empty';
        throw new StorageError({ statusCode: 409, code: 'ResourceNotEmpty', message });
      }
      await rm(paths.bucketRecord(name));
    },
  };
}
