import { z } from 'zod';
import type { CallOptions, Rpc } from './rpc.ts';

const claimedSchema = z.object({
  bucket: z.string(),
  folder: z.string(),
  /** `folder` is the path of one object. */
  is_object: z.boolean(),
  plan_id: z.guid(),
});
const straySchema = z.object({
  bucket: z.string(),
  folder: z.string(),
  plan_id: z.guid(),
  paths: z.array(z.string()),
});

/** Something in Storage that is to be looked over, claimed for ten minutes. */
export type CleanupClaim = z.infer<typeof claimedSchema>;
/** A claim with paths of objects: those that are there, or of them those that no row names. */
export type FoundObjects = z.infer<typeof straySchema>;

/** What in Storage may belong to nobody; `store.ts` says how. */
export function createCleanupStore(rpc: Rpc) {
  return {
    planFolderCleanup: async (
      bucket: string,
      folder: string,
      afterMs: number,
      options: CallOptions,
    ): Promise<void> => {
      await rpc(
        'plan_folder_cleanup',
        { p_bucket: bucket, p_folder: folder, p_after_ms: Math.round(afterMs) },
        options,
      );
    },

    claimStorageCleanup: async (options: CallOptions): Promise<CleanupClaim[]> =>
      z.array(claimedSchema).parse(await rpc('claim_storage_cleanup', {}, options)),

    findStrayObjects: async (listed: FoundObjects[], options: CallOptions): Promise<FoundObjects[]> =>
      z.array(straySchema).parse(await rpc('find_stray_objects', { p_listed: listed }, options)),

    finishStorageCleanup: async (
      finished: Pick<CleanupClaim, 'bucket' | 'folder' | 'plan_id'>[],
      options: CallOptions,
    ): Promise<void> => {
      const claims = finished.map(({ bucket, folder, plan_id }) => ({ bucket, folder, plan_id }));
      await rpc('finish_storage_cleanup', { p_finished: claims }, options);
    },
  };
}
