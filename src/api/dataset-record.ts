import type { Dataset } from '../shared/dataset-store.ts';
import { DATASET_IMAGES_BUCKET, LOGOS_BUCKET, type Storage } from '../shared/storage.ts';
import type { DatasetRecord } from './dataset-schemas.ts';
import { toRfc3339 } from './record.ts';

export const DATASETS_PATH = '/ai/datasets';

/** A dataset as clients see it. Whose it is stays inside: they only see their own, and those that are shared. */
export function toDatasetRecord(dataset: Dataset, storage: Pick<Storage, 'objectUrl'>): DatasetRecord {
  const self = `${DATASETS_PATH}/${dataset.id}`;
  return {
    id: dataset.id,
    name: dataset.name,
    brand: dataset.brand,
    vibe: dataset.vibe,
    unique_visual_elements: dataset.unique_visual_elements ?? null,
    logo_url: dataset.logo_path === null ? null : storage.objectUrl(LOGOS_BUCKET, dataset.logo_path),
    shared: dataset.owner_id === null,
    images: dataset.images.map(({ id, position, mime_type, storage_path }) => ({
      id,
      position,
      mime_type,
      url: storage.objectUrl(DATASET_IMAGES_BUCKET, storage_path),
    })),
    created_at: toRfc3339(dataset.created_at),
    updated_at: toRfc3339(dataset.updated_at),
    links: { self, images: `${self}/images`, logo: `${self}/logo` },
  };
}
