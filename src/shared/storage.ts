import { createReadStream, ReadStream } from 'node:fs';
import { type ImageMetadata, parseMetadata } from './image-metadata.ts';
import { readAtMost } from './read-at-most.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import type { SupabaseClient } from './supabase.ts';

export const IMAGES_BUCKET = 'generated-images';
export const DATASET_IMAGES_BUCKET = 'dataset-images';
export const LOGOS_BUCKET = 'logos';
export const BUCKETS = [IMAGES_BUCKET, DATASET_IMAGES_BUCKET, LOGOS_BUCKET, 'reference-images'];

/** So many objects of a folder are listed at most. */
export const LISTED_AT_MOST = 100;

/** A path never changes its bytes, so whoever has fetched one may keep it for a year. */
const CACHE_CONTROL_S = '31536000';

/** A file on this machine that is to become an object. */
export type LocalFile = { path: string; bytes: number; mimeType: string };
/** An image's bytes, or the path of the file on this machine that has them. */
export type ContentOfImage = { content: Buffer | string; bytes: number };
export type StoredObject = { path: string; bytes: number; metadata: unknown };

type Options = { signal?: AbortSignal; timeoutMs?: number };

/** Supabase Storage as the processes use it. Every call throws StorageError; none repeats by itself. */
export function createStorage(client: SupabaseClient, publicUrl: string) {
  const images = client.storage.from(IMAGES_BUCKET);

  /** The address under which anybody can fetch an object. Older services' paths may hold what an address reads otherwise. */
  const objectUrl = (bucket: string, path: string): string =>
    `${publicUrl}/storage/v1/object/public/${bucket}/${path.split('/').map(encodeURIComponent).join('/')}`;

  /** Paths of the objects right in a folder, by name, LISTED_AT_MOST of them; [] when it has none. */
  async function listObjects(bucket: string, folder: string, options: Options = {}): Promise<string[]> {
    const { data, error } = await within(
      options,
      client.storage
        .from(bucket)
        .list(folder, { limit: LISTED_AT_MOST, sortBy: { column: 'name', order: 'asc' } }),
    );
    if (error) throw toStorageError(error);
    return data.filter((object) => object.id !== null).map((object) => `${folder}/${object.name}`);
  }

  /** Removing what is not there is no error. */
  async function removeObjects(bucket: string, paths: string[], options: Options = {}): Promise<void> {
    if (paths.length === 0) return;
    const { error } = await within(options, client.storage.from(bucket).remove(paths));
    if (error) throw toStorageError(error);
  }

  /** Never holds all of a file in memory. */
  async function upload(
    bucket: string,
    path: string,
    { content, bytes, mimeType, metadata }: ContentOfImage & { mimeType: string; metadata?: ImageMetadata },
    options: Options,
  ): Promise<void> {
    const body = typeof content === 'string' ? createReadStream(content) : content;
    // A body that breaks ends the upload; one that nobody reads any more must not end the process.
    if (body instanceof ReadStream) body.on('error', () => undefined);
    try {
      const { error } = await within(
        options,
        client.storage.from(bucket).upload(path, body, {
          contentType: mimeType,
          cacheControl: CACHE_CONTROL_S,
          upsert: false,
          duplex: 'half',
          // Not every Storage takes a body whose length is not said.
          headers: { 'content-length': String(bytes) },
          // As text: storage-js answers an object's metadata with the keys in camel case, nested ones too.
          ...(metadata && { metadata: { image: JSON.stringify(metadata) } }),
        }),
      );
      if (error && toStorageError(error).kind !== 'exists') throw toStorageError(error);
    } finally {
      if (body instanceof ReadStream) body.destroy();
    }
  }

  return {
    /** Makes the public buckets that are missing. Safe to do by many at once. */
    async ensureBuckets(options: Options = {}): Promise<void> {
      for (const bucket of BUCKETS) {
        const { error } = await within(
          { timeoutMs: 10_000, ...options },
          client.storage.createBucket(bucket, { public: true }),
        );
        if (error && toStorageError(error).kind !== 'exists') throw toStorageError(error);
      }
    },

    /** Resolves when Storage answers and has the bucket of the images. */
    async ping(options: Options = {}): Promise<void> {
      const { error } = await within(options, client.storage.getBucket(IMAGES_BUCKET));
      if (error) throw toStorageError(error);
    },

    objectUrl,
    imageUrl: (path: string): string => objectUrl(IMAGES_BUCKET, path),

    /** Stores an image under a path that no other attempt uses; the path being taken means this upload came through before. */
    uploadImage: (
      path: string,
      image: ContentOfImage,
      metadata: ImageMetadata,
      options: Options = {},
    ): Promise<void> =>
      upload(IMAGES_BUCKET, path, { ...image, mimeType: metadata.mime_type, metadata }, options),

    /** Stores the small picture of an image; the path being taken means it is there. */
    uploadThumbnail: (path: string, content: Buffer, options: Options = {}): Promise<void> =>
      upload(IMAGES_BUCKET, path, { content, bytes: content.length, mimeType: 'image/webp' }, options),

    /** The same for a file of any bucket. */
    uploadFile: (bucket: string, path: string, file: LocalFile, options: Options = {}): Promise<void> =>
      upload(bucket, path, { content: file.path, ...file }, options),

    /** The objects of one image's folder, by name; [] when it has none. */
    listImages: (folder: string, options: Options = {}) => listObjects(IMAGES_BUCKET, folder, options),

    async describeImage(path: string, options: Options = {}): Promise<StoredObject> {
      const { data, error } = await within(options, images.info(path));
      if (error) throw toStorageError(error);
      return { path, bytes: data.size ?? 0, metadata: parseMetadata(data.metadata?.image) };
    },

    removeImages: (paths: string[], options: Options = {}) => removeObjects(IMAGES_BUCKET, paths, options),

    listObjects,
    removeObjects,

    /** Another one each time that the object is written. Refuses paths as `download` does. */
    async objectVersion(bucket: string, path: string, options: Options = {}): Promise<string> {
      if (!isPlainPath(path)) throw new StorageError('refused', 'the path leads out of its bucket');
      const { data, error } = await within(options, client.storage.from(bucket).info(path));
      if (error) throw toStorageError(error);
      return `${data.version} ${data.etag}`;
    },

    /**
     * All of an object, and never more than `mostBytes` of a larger one. Refuses a path that would not stay inside its
     * bucket: storage-js puts it into the address as it is.
     */
    async download(
      bucket: string,
      path: string,
      { mostBytes, ...options }: Options & { mostBytes: number },
    ): Promise<Buffer> {
      if (!isPlainPath(path)) throw new StorageError('refused', 'the path leads out of its bucket');
      const read = async (): Promise<Buffer> => {
        const { data, error } = await client.storage
          .from(bucket)
          .download(path, {}, options.signal && { signal: options.signal })
          .asStream();
        if (error) throw toStorageError(error);
        const bytes = await readAtMost(data, mostBytes);
        if (!bytes) throw new StorageError('too_large', `more than ${mostBytes} bytes`);
        return bytes;
      };
      return within(options, read());
    },
  };
}

export type Storage = ReturnType<typeof createStorage>;

/** storage-js takes no signal on most calls, so a caller that gives up leaves the call to end by itself. */
async function within<T>({ signal, timeoutMs = 60_000 }: Options, call: Promise<T>): Promise<T> {
  const { promise: gaveUp, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new StorageError('unavailable', `no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const onAbort = () => reject(new StorageError('unavailable', 'given up', { cause: signal?.reason }));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await Promise.race([gaveUp, Promise.resolve(call).catch(broken)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Segments between single slashes, none of them `.` or `..`, and nothing that an address reads otherwise. */
export function isPlainPath(path: string): boolean {
  const segments = path.split('/');
  return !/[%?#\\]/.test(path) && segments.every((segment) => !['', '.', '..'].includes(segment));
}

/** storage-js throws as it is what breaks while a body is read. */
function broken(cause: unknown): never {
  if (cause instanceof StorageError) throw cause;
  throw new StorageError('unavailable', cause instanceof Error ? cause.message : 'broken off', { cause });
}
