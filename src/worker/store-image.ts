import { setTimeout as delay } from 'node:timers/promises';
import type { ImageMetadata } from '../shared/image-metadata.ts';
import type { Logger } from '../shared/logger.ts';
import type { Storage } from '../shared/storage.ts';
import { StorageError } from '../shared/storage-error.ts';
import { GenerationError } from './generation-error.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Uploads a paid image and keeps trying until it is stored: a Storage that is away costs time, never a second call.
 *
 * @throws GenerationError storage_failed when Storage refuses it for good; what `signal` aborts with
 */
export async function storeImage(
  deps: { storage: Pick<Storage, 'uploadImage' | 'ensureBuckets'>; log: Logger },
  image: { path: string; content: Buffer | string; bytes: number; metadata: ImageMetadata },
  signal: AbortSignal,
): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      return await deps.storage.uploadImage(image.path, image, image.metadata, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StorageError)) throw error;
      deps.log.warn({ path: image.path, kind: error.kind, detail: error.message }, 'upload.failed');
      if (error.kind === 'refused') throw refused(image.metadata, error);
      if (error.kind === 'missing') await makeBuckets(deps, signal);
    }
    await delay(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() =>
      signal.throwIfAborted(),
    );
  }
}

/** The bucket is gone. If it cannot be made now, the next round of uploading finds out. */
async function makeBuckets(
  { storage, log }: { storage: Pick<Storage, 'ensureBuckets'>; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  await storage
    .ensureBuckets({ signal })
    .catch((error: unknown) => log.warn({ err: error }, 'buckets.failed'));
}

function refused(metadata: ImageMetadata, cause: StorageError): GenerationError {
  return new GenerationError({
    code: 'storage_failed',
    message: 'Storage refuses the image.',
    errorClass: 'permanent',
    billed: true,
    usage: metadata.usage,
    costUsd: metadata.cost_usd,
    cause,
  });
}
