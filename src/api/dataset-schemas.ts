import { z } from 'zod';
import { cursor } from './cursor.ts';
import { storableText } from './generate-request.ts';
import { pageSize } from './history-query.ts';

/** What clients are told in the documentation, too. */
export const DATASET_LIMITS = {
  name_characters: 200,
  brand_characters: 200,
  vibe_characters: 1_000,
  visual_elements: 50,
  visual_element_characters: 200,
  images: 14,
  file_bytes: 10 * 1024 * 1024,
} as const;

const text = (most: number) => storableText.trim().min(1).max(most);

const fields = {
  name: text(DATASET_LIMITS.name_characters).nullish(),
  brand: text(DATASET_LIMITS.brand_characters).nullish(),
  vibe: text(DATASET_LIMITS.vibe_characters).nullish(),
  unique_visual_elements: z
    .array(text(DATASET_LIMITS.visual_element_characters))
    .max(DATASET_LIMITS.visual_elements)
    .nullish(),
};

/** The query of `GET /ai/datasets`. */
export const datasetsQuery = z.strictObject({
  limit: pageSize.default(50),
  cursor: cursor.optional(),
});

/** The body of `POST /ai/datasets`. Null means not given. `owner_id` is for admins; without it theirs is everybody's. */
export const datasetRequest = z.strictObject({ ...fields, owner_id: z.guid().toLowerCase().nullish() });

/** The body of `PATCH /ai/datasets/{id}`: what is not given stays, null empties. */
export const datasetPatch = z.strictObject(fields);

export const datasetImageRecord = z.object({
  id: z.guid(),
  position: z.int(),
  mime_type: z.string().nullable(),
  url: z.string(),
});

export const datasetRecord = z.object({
  id: z.guid(),
  name: z.string().nullable(),
  brand: z.string().nullable(),
  vibe: z.string().nullable(),
  /** A list of texts; of an older service's datasets whatever that has put there. */
  unique_visual_elements: z.unknown(),
  logo_url: z.string().nullable(),
  /** Everybody may use it; admins change it. */
  shared: z.boolean(),
  images: z.array(datasetImageRecord),
  created_at: z.string(),
  updated_at: z.string(),
  links: z.object({ self: z.string(), images: z.string(), logo: z.string() }),
});
export type DatasetRecord = z.output<typeof datasetRecord>;

export const datasetPage = z.object({
  items: z.array(datasetRecord),
  limit: z.int(),
  next_cursor: z.string().nullable(),
});
export type DatasetPage = z.output<typeof datasetPage>;
