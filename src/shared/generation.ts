import { z } from 'zod';

export const STATUSES = ['pending', 'processing', 'succeeded', 'failed', 'canceled', 'expired'] as const;
export type Status = (typeof STATUSES)[number];

/** Why an image failed or expired; `api.md`'s record.error codes. */
export const ERROR_CODES = [
  'content_blocked',
  'no_image',
  'reference_unreadable',
  'upstream_rate_limited',
  'upstream_error',
  'upstream_timeout',
  'outcome_unknown',
  'storage_failed',
  'worker_lost',
  'deadline_exceeded',
  'misconfigured',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

export const usageSchema = z.object({
  input_tokens: z.int(),
  output_tokens: z.int(),
  total_tokens: z.int(),
});
export type Usage = z.infer<typeof usageSchema>;

export const warningSchema = z.object({ code: z.string(), message: z.string() });
export type Warning = z.infer<typeof warningSchema>;

const upstreamSchema = z.object({ reason: z.string().nullable(), http_status: z.int().nullable() });
export const generationErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  upstream: upstreamSchema.optional(),
});
export type GenerationErrorBody = z.infer<typeof generationErrorSchema>;

/** An object in one of Darkroom's buckets. */
export const storedReferenceSchema = z.object({ bucket: z.string(), path: z.string() });
export type StoredReference = z.infer<typeof storedReferenceSchema>;

/** Or an address that the worker fetches; it may be signed, so it stands in no log and no error. */
const referenceImageSchema = z.union([storedReferenceSchema, z.object({ url: z.string() })]);
export type ReferenceImage = z.infer<typeof referenceImageSchema>;

/**
 * A row of `generated_images` as the SQL functions answer it: what TypeScript reads of it. Times are PostgreSQL's
 * text with microseconds, which cursors need whole.
 */
export const generationSchema = z.object({
  id: z.guid(),
  user_id: z.guid().nullable(),
  /** Who asked for it, as their turn is told; null for rows of before there was a queue. */
  lane_key: z.string().nullable(),
  status: z.enum(STATUSES),
  status_sequence: z.int(),
  prompt: z.string(),
  full_prompt: z.string(),
  image_url: z.string().nullable(),
  dataset_id: z.guid().nullable(),
  style: z.string().nullable(),
  aspect_ratio: z.string().nullable(),
  quality: z.string().nullable(),
  format: z.string().nullable(),
  resolution: z.string().nullable(),
  reference_images: z.array(referenceImageSchema),
  reference_images_count: z.int().nullable(),
  unique_visual_elements: z.unknown(),
  model: z.string().nullable(),
  attempt: z.int(),
  failures: z.int(),
  billable_calls: z.int(),
  mime_type: z.string().nullable(),
  width: z.int().nullable(),
  height: z.int().nullable(),
  bytes: z.int().nullable(),
  sha256: z.string().nullable(),
  storage_path: z.string().nullable(),
  /** In the folder of `storage_path`, or the same. */
  thumbnail_path: z.string().nullable(),
  warnings: z.array(warningSchema),
  error: generationErrorSchema.nullable(),
  batch_id: z.guid().nullable(),
  custom_id: z.string().nullable(),
  parent_id: z.guid().nullable(),
  root_id: z.guid().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  /** May hold a token of the receiver's, so it stands in no log. */
  webhook_url: z.string().nullable(),
  usage: usageSchema.nullable(),
  timings: z.record(z.string(), z.number()).nullable(),
  estimated_cost_usd: z.number().nullable(),
  cost_usd: z.number().nullable(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  deadline_at: z.string().nullable(),
  cancel_requested_at: z.string().nullable(),
  deleted_at: z.string().nullable(),
  /** Its place among the rows of its lane that wait; only reads and submits say it. */
  lane_place: z.int().nullable().default(null),
  /** Its place among the released rows that no worker has claimed; only reads say it. */
  released_place: z.int().nullable().default(null),
});
export type Generation = z.infer<typeof generationSchema>;

/** What an item of a submit came to; `submit_generations` describes each. */
export const submittedSchema = z.discriminatedUnion('outcome', [
  generationSchema.extend({ asked_id: z.guid(), outcome: z.enum(['created', 'replayed', 'key_reused']) }),
  z.object({ asked_id: z.guid(), outcome: z.enum(['gone', 'queue_full']) }),
]);
export type Submitted = z.infer<typeof submittedSchema>;

/** A claimed row: what its worker needs of it, and beside it. */
export const claimedGenerationSchema = generationSchema
  .pick({
    id: true,
    user_id: true,
    lane_key: true,
    full_prompt: true,
    aspect_ratio: true,
    resolution: true,
    format: true,
    reference_images: true,
    attempt: true,
    failures: true,
    billable_calls: true,
    error: true,
  })
  .extend({
    model: z.string(),
    deadline_at: z.string(),
    folder: z.string(),
    call_allowed: z.boolean(),
    max_failures: z.int(),
    max_billable_calls: z.int(),
    traceparent: z.string().nullable(),
  });
export type ClaimedGeneration = z.infer<typeof claimedGenerationSchema>;

/** A row after its attempt: what its worker tells of it. */
export const attemptedGenerationSchema = generationSchema.pick({ status: true, timings: true });
export type AttemptedGeneration = z.infer<typeof attemptedGenerationSchema>;

/** What `submit_generations` makes a pending row of. */
export type NewGeneration = {
  id: string;
  user_id: string | null;
  lane_key: string;
  prompt: string;
  full_prompt: string;
  dataset_id: string | null;
  style: string | null;
  aspect_ratio: string | null;
  quality: string;
  format: string | null;
  resolution: string;
  reference_images: ReferenceImage[];
  unique_visual_elements: unknown;
  model: string;
  metadata: Record<string, string>;
  estimated_cost_usd: number;
  deadline_seconds: number;
  /** The image that it is made from again, and the first of that line; without them it is its own root. */
  parent_id?: string | null;
  root_id?: string | null;
  /** Where its end is told. */
  webhook_url?: string | null;
  /** The request that it came with, for its attempts to go on from. */
  traceparent?: string | null;
  idempotency_scope?: string;
  idempotency_key?: string;
  request_hash?: string;
};

/** What `complete_generation` writes: the stored object and what it cost. */
export type CompletedImage = {
  image_url: string;
  storage_path: string;
  /** Of a small picture beside it; its own path where it is small itself; null for none. */
  thumbnail_path: string | null;
  /** Of an object that may have been stored beside it and is to be removed. */
  stray_path: string | null;
  mime_type: string;
  width: number;
  height: number;
  bytes: number;
  sha256: string;
  warnings: Warning[];
  usage: Usage | null;
  cost_usd: number;
  upstream_ms: number;
  upload_ms: number;
  /** False when nothing was called for it: an earlier attempt had stored it. */
  billed: boolean;
};

export type Job = { id: string; epoch: number };
