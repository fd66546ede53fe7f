import type { Logger } from '../shared/logger.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Storage } from '../shared/storage.ts';
import { StorageError } from '../shared/storage-error.ts';
import type { Store } from '../shared/store.ts';
import { ApiError } from './api-error.ts';
import type { InspectedFile } from './inspect-upload.ts';

/** All objects of a request are stored within this; the rows that name them are written right after. */
const STORE_WITHIN_MS = 5 * 60_000;
/** When a clean-up looks for what an API that died in between has left. */
const CLEAN_UP_AFTER_MS = 30 * 60_000;
const REMOVE_WITHIN_MS = 2_000;
const WRITE = { repeatForMs: 5_000 };

/** A file, and the path in the bucket where it is to be. */
export type PlacedFile = InspectedFile & { storagePath: string };

/**
 * Stores files in a folder of a bucket and lets `write` make the rows that name them. When either fails, the objects go
 * again: now if that is possible, else by the clean-up that is planned before the first one is there.
 *
 * @throws ApiError temporarily_unavailable when Storage is away; what `write` throws
 */
export type StoreFiles = <T>(
  place: { bucket: string; folder: string },
  files: PlacedFile[],
  write: () => Promise<T>,
) => Promise<T>;

export function createStoreFiles(deps: {
  store: Pick<Store, 'planFolderCleanup'>;
  storage: Pick<Storage, 'uploadFile' | 'removeObjects' | 'ensureBuckets'>;
  log: Logger;
}): StoreFiles {
  const { store, storage, log } = deps;

  const upload = async (bucket: string, file: PlacedFile, signal: AbortSignal): Promise<void> => {
    const attempt = () => storage.uploadFile(bucket, file.storagePath, file, { signal });
    await attempt().catch(async (error: unknown) => {
      if (!(error instanceof StorageError) || error.kind !== 'missing') throw error;
      // A new project, to which no worker has come yet.
      await storage.ensureBuckets({ signal });
      await attempt();
    });
  };

  return async ({ bucket, folder }, files, write) => {
    await store.planFolderCleanup(bucket, folder, CLEAN_UP_AFTER_MS, WRITE);
    try {
      const signal = AbortSignal.timeout(STORE_WITHIN_MS);
      for (const file of files) await upload(bucket, file, signal);
      return await write();
    } catch (error) {
      // The rows may have been written after all; then they name the objects.
      const isUnclear = error instanceof RpcError && error.unclear;
      if (!isUnclear) {
        await storage
          .removeObjects(
            bucket,
            files.map(({ storagePath }) => storagePath),
            { timeoutMs: REMOVE_WITHIN_MS },
          )
          .catch((err: unknown) => log.warn({ bucket, folder, err }, 'objects.left_for_clean_up'));
      }
      throw explain(error);
    }
  };
}

function explain(error: unknown): unknown {
  if (error instanceof RpcError && error.unclear) {
    const detail = 'The files may have been added. Look at the dataset before sending them again.';
    return new ApiError('temporarily_unavailable', detail, { retryAfterSeconds: 5, cause: error });
  }
  if (!(error instanceof StorageError) || error.kind === 'refused') return error;
  return new ApiError('temporarily_unavailable', 'Storage does not answer; nothing was added. Try again.', {
    retryAfterSeconds: 5,
    cause: error,
  });
}
