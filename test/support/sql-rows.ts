import { randomUUID } from 'node:crypto';

export type Row = {
  id: string;
  user_id: string | null;
  status: string;
  status_sequence: number;
  attempt: number;
  failures: number;
  billable_calls: number;
  claim_id: string | null;
  worker_id: string | null;
  released_at: string | null;
  release_epoch: number;
  not_before: string | null;
  dataset_id: string | null;
  image_url: string | null;
  storage_path: string | null;
  error_code: string | null;
  error: { code: string } | null;
  usage: Record<string, number> | null;
  cost_usd: number | null;
  root_id: string | null;
  traceparent: string | null;
  started_at: string | null;
  completed_at: string | null;
  created_at: string;
};
export type ClaimedRow = Row & { folder: string; call_allowed: boolean };
export type Item = Record<string, unknown> & { id: string; lane_key: string; model: string };
export type Released = { contended: boolean; jobs: { id: string; epoch: number }[] };
export type Held = { id: string; claim_id: string };

export const ERROR = { code: 'upstream_error', message: 'It broke.', retryable: true };
export const DEAD = '31 seconds';
let made = 0;

/** An id that sorts behind all that this process made before, as a UUIDv7 does. */
export function nextId(): string {
  made += 1;
  const order = made.toString(16).padStart(12, '0');
  return `${order.slice(0, 8)}-${order.slice(8)}-7000-8000-${randomUUID().slice(-12)}`;
}

export function newItem(fields: Record<string, unknown> = {}): Item {
  return {
    id: nextId(),
    user_id: null,
    lane_key: 'anonymous',
    prompt: 'a cat',
    full_prompt: 'a cat',
    dataset_id: null,
    style: null,
    aspect_ratio: null,
    quality: 'standard',
    format: null,
    resolution: '1K',
    reference_images: [],
    unique_visual_elements: null,
    model: 'model-a',
    metadata: {},
    estimated_cost_usd: 0.04,
    deadline_seconds: 3600,
    ...fields,
  };
}

export function newImage(id: string, fields: Record<string, unknown> = {}) {
  return {
    image_url: `https://storage.test/${id}/1.png`,
    storage_path: `anonymous/${id}/1.png`,
    thumbnail_path: `anonymous/${id}/1.thumb.webp`,
    mime_type: 'image/png',
    width: 1024,
    height: 1024,
    bytes: 1000,
    sha256: 'ab'.repeat(32),
    warnings: [],
    usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
    cost_usd: 0.04,
    upstream_ms: 100,
    upload_ms: 10,
    billed: true,
    ...fields,
  };
}
