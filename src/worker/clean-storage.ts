import type { CleanupClaim, FoundObjects } from '../shared/cleanup-store.ts';
import type { Logger } from '../shared/logger.ts';
import { LISTED_AT_MOST, type Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';

const ONCE = { repeatForMs: 0 };

/**
 * One round over what is due in storage_cleanup: removes the objects that no row names. Which those are is asked after
 * they were found, so that an upload in between is never taken for a stray one. What fails comes again later, behind
 * the others.
 *
 * @throws the first failure, when the round is over
 */
export function createCleanStorage(deps: {
  store: Pick<Store, 'claimStorageCleanup' | 'findStrayObjects' | 'finishStorageCleanup'>;
  storage: Pick<Storage, 'listObjects' | 'removeObjects'>;
  log: Logger;
}): () => Promise<void> {
  const { store, log } = deps;

  const look = async ({ bucket, folder, is_object, plan_id }: CleanupClaim): Promise<FoundObjects> => {
    const paths = is_object ? [folder] : await deps.storage.listObjects(bucket, folder);
    return { bucket, folder, plan_id, paths };
  };

  const removeStray = async ({ bucket, folder, paths }: FoundObjects): Promise<void> => {
    await deps.storage.removeObjects(bucket, paths);
    if (paths.length > 0) log.info({ bucket, folder, removed: paths.length }, 'objects.removed');
  };

  return async () => {
    const looked = await Promise.allSettled((await store.claimStorageCleanup(ONCE)).map(look));
    const found = looked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (found.length > 0) {
      const stray = await store.findStrayObjects(found, ONCE);
      const removed = await Promise.allSettled(stray.map(removeStray));
      looked.push(...removed.filter((result) => result.status === 'rejected'));
      // A full list may go on behind its end: that folder comes again.
      const full = new Set(found.filter(({ paths }) => paths.length >= LISTED_AT_MOST).map(keyOf));
      const finished = stray.filter(
        (claim, index) => removed[index]?.status === 'fulfilled' && !full.has(keyOf(claim)),
      );
      if (finished.length > 0) await store.finishStorageCleanup(finished, ONCE);
    }
    const failed = looked.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  };
}

const keyOf = ({ bucket, folder }: FoundObjects): string => `${bucket}/${folder}`;
