import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type CallerScope, type Position, scopeArgs } from './caller-scope.ts';
import { storedReferenceSchema } from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const datasetContextSchema = z.object({
  id: z.guid(),
  brand: z.string().nullable(),
  vibe: z.string().nullable(),
  unique_visual_elements: z.unknown(),
  reference_images: z.array(storedReferenceSchema),
});
export type DatasetContext = z.infer<typeof datasetContextSchema>;

const datasetSchema = z.object({
  id: z.guid(),
  name: z.string().nullable(),
  brand: z.string().nullable(),
  vibe: z.string().nullable(),
  unique_visual_elements: z.unknown(),
  /** In the bucket `logos`. */
  logo_path: z.string().nullable(),
  /** Null: everybody may use it, an admin may change it. */
  owner_id: z.guid().nullable(),
  /** Objects in the bucket `dataset-images`, in their order. */
  images: z.array(
    z.object({
      id: z.guid(),
      position: z.int(),
      storage_path: z.string(),
      mime_type: z.string().nullable(),
    }),
  ),
  created_at: z.string(),
  updated_at: z.string(),
});
export type Dataset = z.infer<typeof datasetSchema>;
const deletedSchema = z.object({ id: z.guid(), deleted: z.boolean() });

/** What a dataset is made of; in a patch only the keys that are there change anything. */
export type DatasetFields = {
  name?: string | null;
  brand?: string | null;
  vibe?: string | null;
  unique_visual_elements?: unknown;
};
export type NewDatasetImage = { id: string; storage_path: string; mime_type: string };

/** Between two steps of a deletion; images that were locked are mostly free again by then. */
const NEXT_STEP_MS = 50;

/** Datasets; `store.ts` says how. */
export function createDatasetStore(rpc: Rpc) {
  return {
    createDataset: (
      id: string,
      fields: DatasetFields,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<Dataset | null> =>
      one(
        datasetSchema,
        rpc('create_dataset', { p_id: id, p_dataset: fields, ...scopeArgs(caller) }, options),
      ),

    getDataset: (id: string, caller: CallerScope, options: CallOptions): Promise<Dataset | null> =>
      one(datasetSchema, rpc('get_dataset', { p_id: id, ...scopeArgs(caller) }, options)),

    listDatasets: async (
      caller: CallerScope,
      page: { limit: number; before?: Position | null },
      options: CallOptions,
    ): Promise<Dataset[]> =>
      z.array(datasetSchema).parse(
        await rpc(
          'list_datasets',
          {
            ...scopeArgs(caller),
            p_limit: page.limit,
            p_before_created_at: page.before?.createdAt ?? null,
            p_before_id: page.before?.id ?? null,
          },
          options,
        ),
      ),

    updateDataset: (
      id: string,
      patch: DatasetFields,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<Dataset | null> =>
      one(datasetSchema, rpc('update_dataset', { p_id: id, p_patch: patch, ...scopeArgs(caller) }, options)),

    /** Step by step until it is gone; true then. Null: there is none that the caller could delete. */
    deleteDataset: async (id: string, caller: CallerScope, options: CallOptions): Promise<true | null> => {
      const args = { p_id: id, ...scopeArgs(caller) };
      for (let steps = 0; ; steps++) {
        const step = await one(deletedSchema, rpc('delete_dataset', args, options));
        // Gone after a first step: another deletion was faster.
        if (!step) return steps > 0 ? true : null;
        if (step.deleted) return true;
        await delay(NEXT_STEP_MS, undefined, options.signal && { signal: options.signal });
      }
    },

    /** @throws RpcError with code LIMIT_REACHED when the dataset has as many images as one may have */
    addDatasetImage: (
      datasetId: string,
      image: NewDatasetImage,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<Dataset | null> =>
      one(
        datasetSchema,
        rpc('add_dataset_image', { p_id: datasetId, p_image: image, ...scopeArgs(caller) }, options),
      ),

    /** All of them or none. @throws RpcError as addDatasetImage does */
    addDatasetImages: (
      datasetId: string,
      images: NewDatasetImage[],
      caller: CallerScope,
      options: CallOptions,
    ): Promise<Dataset | null> =>
      one(
        datasetSchema,
        rpc('add_dataset_images', { p_id: datasetId, p_images: images, ...scopeArgs(caller) }, options),
      ),

    removeDatasetImage: (
      datasetId: string,
      imageId: string,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<Dataset | null> =>
      one(
        datasetSchema,
        rpc('remove_dataset_image', { p_id: datasetId, p_image_id: imageId, ...scopeArgs(caller) }, options),
      ),

    setDatasetLogo: (
      datasetId: string,
      logoPath: string | null,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<Dataset | null> =>
      one(
        datasetSchema,
        rpc('set_dataset_logo', { p_id: datasetId, p_logo_path: logoPath, ...scopeArgs(caller) }, options),
      ),

    getDatasetContext: (
      id: string,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<DatasetContext | null> =>
      one(
        datasetContextSchema,
        rpc('get_dataset_context', { p_dataset_id: id, ...scopeArgs(caller) }, options),
      ),
  };
}
