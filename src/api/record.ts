import type { Generation, Warning } from '../shared/generation.ts';
import { queueWarnings } from '../shared/queue-hold.ts';
import { placeOf, type QueueSnapshot } from '../shared/queue-place.ts';
import type { LinkEvents } from './events/event-links.ts';
import type { ImageRecord } from './record-schema.ts';

export const IMAGES_PATH = '/ai/generated-images';

/**
 * The row as clients see it. The first eleven fields are a frontend's that was there first: never renamed.
 *
 * @param queue where waiting images stand; null when that is not known
 * @param link of its events, for this caller
 */
export function toRecord(
  row: Generation,
  queue: QueueSnapshot | null,
  now: Date,
  link: LinkEvents,
): ImageRecord {
  return {
    id: row.id,
    image_url: row.image_url,
    caption: row.prompt,
    prompt_used: row.full_prompt,
    dataset_id: row.dataset_id,
    style: row.style,
    aspect_ratio: row.aspect_ratio,
    quality: row.quality,
    format: row.format,
    resolution: row.resolution,
    reference_images_count: row.reference_images_count,
    thumbnail_url: thumbnailUrl(row),
    status: row.status,
    status_sequence: row.status_sequence,
    prompt: row.prompt,
    unique_visual_elements: row.unique_visual_elements ?? null,
    model: row.model,
    mime_type: row.mime_type,
    width: row.width,
    height: row.height,
    bytes: row.bytes,
    sha256: row.sha256,
    batch_id: row.batch_id,
    custom_id: row.custom_id,
    parent_id: row.parent_id,
    root_id: row.root_id,
    metadata: row.metadata,
    ...placeOf(row, queue, now),
    attempt: row.attempt,
    error: toRecordError(row),
    warnings: [...row.warnings, ...waitWarnings(row, queue, now)],
    estimated_cost_usd: row.estimated_cost_usd,
    cost_usd: row.cost_usd ?? (endedForNothing(row) ? 0 : null),
    usage: row.usage,
    timings: row.timings,
    created_at: toRfc3339(row.created_at),
    started_at: toRfc3339(row.started_at),
    completed_at: toRfc3339(row.completed_at),
    deadline_at: toRfc3339(row.deadline_at),
    cancel_requested_at: toRfc3339(row.cancel_requested_at),
    links: {
      self: `${IMAGES_PATH}/${row.id}`,
      cancel: `${IMAGES_PATH}/${row.id}/cancel`,
      image: `${IMAGES_PATH}/${row.id}/image`,
      events: link('image', row.id),
    },
  };
}

/** It lies beside the image, whose address the row has whole. */
function thumbnailUrl({ image_url, thumbnail_path }: Generation): string | null {
  if (image_url === null || thumbnail_path === null) return null;
  return image_url.replace(/[^/]*$/, thumbnail_path.slice(thumbnail_path.lastIndexOf('/') + 1));
}

/** What is under way waits for nothing but its worker. */
function waitWarnings(row: Generation, queue: QueueSnapshot | null, now: Date): Warning[] {
  if (!isActive(row) || !queue) return [];
  return queueWarnings(row.model, row.status === 'pending' ? queue : { ...queue, pauses: [] }, now);
}

/** Only an end has an error; what a row keeps of a failed attempt before that is for its worker. */
function toRecordError(row: Generation): ImageRecord['error'] {
  if (!row.error || (row.status !== 'failed' && row.status !== 'expired')) return null;
  return {
    code: row.error.code,
    message: row.error.message,
    retryable: row.error.retryable,
    charged: row.billable_calls > 0,
    upstream: row.error.upstream ?? { reason: null, http_status: null },
  };
}

export function toRfc3339<T extends string | null>(time: T): T | string {
  return time === null ? time : new Date(time).toISOString();
}

/** No call of it may have been billed. What an older service made has a cost, only nobody knows it. */
function endedForNothing(row: Generation): boolean {
  return !isActive(row) && row.status !== 'succeeded' && row.billable_calls === 0;
}

/** Whether the image will still change by itself. */
export function isActive(row: Pick<Generation, 'status'>): boolean {
  return row.status === 'pending' || row.status === 'processing';
}
