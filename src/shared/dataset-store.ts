import { z } from 'zod';
import type { ReferenceImage } from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const datasetContextSchema = z.object({
  id: z.guid(),
  brand: z.string().nullable(),
  vibe: z.string().nullable(),
  unique_visual_elements: z.unknown(),
  reference_images: z.array(z.object({ bucket: z.string(), path: z.string() })),
});
export type DatasetContext = z.infer<typeof datasetContextSchema> & { reference_images: ReferenceImage[] };

/** Datasets; `store.ts` says how. */
export function createDatasetStore(rpc: Rpc) {
  return {
    getDatasetContext: (
      id: string,
      userId: string | null,
      options: CallOptions,
    ): Promise<DatasetContext | null> =>
      one(datasetContextSchema, rpc('get_dataset_context', { p_dataset_id: id, p_user_id: userId }, options)),
  };
}
