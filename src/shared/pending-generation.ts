import { z } from 'zod';
import type { Generation, NewGeneration } from './generation.ts';

/** What the database adds to an item that it has made a row of. */
export const insertedSchema = z.object({
  asked_id: z.guid(),
  outcome: z.literal('inserted'),
  created_at: z.string(),
  deadline_at: z.string(),
  lane_place: z.int().nullable(),
});
export type Inserted = z.infer<typeof insertedSchema>;

/** The pending row that `submit_generations` has just made of this item, as a read would answer it. */
export function toPendingGeneration(
  item: NewGeneration,
  { created_at, deadline_at, lane_place }: Omit<Inserted, 'asked_id' | 'outcome'>,
): Generation {
  return {
    id: item.id,
    user_id: item.user_id,
    lane_key: item.lane_key,
    status: 'pending',
    status_sequence: 1,
    prompt: item.prompt,
    full_prompt: item.full_prompt,
    image_url: null,
    dataset_id: item.dataset_id,
    style: item.style,
    aspect_ratio: item.aspect_ratio,
    quality: item.quality,
    format: item.format,
    resolution: item.resolution,
    reference_images: item.reference_images,
    reference_images_count: item.reference_images.length,
    unique_visual_elements: item.unique_visual_elements ?? null,
    model: item.model,
    attempt: 0,
    failures: 0,
    billable_calls: 0,
    mime_type: null,
    width: null,
    height: null,
    bytes: null,
    sha256: null,
    storage_path: null,
    thumbnail_path: null,
    warnings: [],
    error: null,
    batch_id: null,
    custom_id: null,
    parent_id: item.parent_id ?? null,
    root_id: item.root_id ?? item.id,
    metadata: item.metadata,
    webhook_url: item.webhook_url ?? null,
    usage: null,
    timings: null,
    estimated_cost_usd: item.estimated_cost_usd,
    cost_usd: null,
    created_at,
    started_at: null,
    completed_at: null,
    deadline_at,
    cancel_requested_at: null,
    deleted_at: null,
    lane_place,
    released_place: null,
  };
}
