import { z } from 'zod';
import { batchSchema } from './batch-store.ts';
import { generationSchema } from './generation.ts';
import type { CallOptions, Rpc } from './rpc.ts';

/** Where to look on in what an audience has had written. `since` is PostgreSQL's text with microseconds. */
const lookSchema = z.object({ audience: z.string(), since: z.string(), id: z.guid().nullable() });
export type Look = z.infer<typeof lookSchema>;

const changeSchema = z.object({
  audience: z.string(),
  id: z.guid(),
  batch_id: z.guid().nullable(),
  status_sequence: z.int(),
});
export type Change = z.infer<typeof changeSchema>;

const changesSchema = z.object({ at: z.string(), changes: z.array(changeSchema), more: z.array(lookSchema) });
/** `at`: the database's time when it was read. */
const foundSchema = z.object({
  at: z.string(),
  images: z.array(generationSchema),
  batches: z.array(batchSchema),
});
export type Found = z.infer<typeof foundSchema>;

/** What streams of events follow; `store.ts` says how. */
export function createEventStore(rpc: Rpc) {
  return {
    listChanges: async (looks: Look[], options: CallOptions) =>
      changesSchema.parse(await rpc('list_changes', { p_audiences: looks }, options)),

    getChanges: async (imageIds: string[], batchIds: string[], options: CallOptions): Promise<Found> =>
      foundSchema.parse(await rpc('get_changes', { p_image_ids: imageIds, p_batch_ids: batchIds }, options)),

    getEventSnapshot: async (
      { audience, batchId, limit }: { audience: string; batchId: string | null; limit: number },
      options: CallOptions,
    ): Promise<Found> =>
      foundSchema.parse(
        await rpc(
          'get_event_snapshot',
          { p_audience: audience, p_batch_id: batchId, p_limit: limit },
          options,
        ),
      ),
  };
}
