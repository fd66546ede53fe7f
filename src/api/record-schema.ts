import { z } from 'zod';
import { ERROR_CODES, STATUSES, usageSchema } from '../shared/generation.ts';
import { openText } from './open-text.ts';

const WARNING_CODES = [
  'no_worker_online',
  'queue_paused',
  'queue_held',
  'unusual_finish',
  'model_substituted',
  'aspect_ratio_differs',
  'resolution_differs',
];

const id = z.guid();
const time = z.iso.datetime();
const count = z.int().min(0);
const usd = z.number().min(0);
const milliseconds = z.number();

export const eventsLink = z.string().meta({
  description:
    'What happens to it, as `GET /ai/events` tells it, by a token of its own for ten minutes: for a browser’s EventSource, ' +
    'which cannot send yours.',
});

const recordError = z
  .strictObject({
    code: openText(ERROR_CODES, 'Why there is no image.'),
    message: z.string(),
    retryable: z.boolean().meta({ description: 'Whether the same request may do better later.' }),
    charged: z.boolean().meta({ description: 'Whether a call of it may have been billed.' }),
    upstream: z.strictObject({ reason: z.string().nullable(), http_status: z.int().nullable() }).meta({
      description: 'What the model answered, where it did.',
    }),
  })
  .meta({ id: 'ImageError' });

const warning = z
  .strictObject({
    code: openText(WARNING_CODES, 'What is unusual about the image.'),
    message: z.string(),
  })
  .meta({ id: 'Warning' });

const timings = z.strictObject({
  queue_ms: milliseconds.optional(),
  upstream_ms: milliseconds.optional(),
  upload_ms: milliseconds.optional(),
  total_ms: milliseconds.optional(),
});

/** A generated image as clients see it: `toRecord` makes it, the document shows it, the tests hold answers to it. */
export const imageRecord = z
  .strictObject({
    id,
    image_url: z.string().nullable().meta({ description: 'The file; null until it succeeded.' }),
    caption: z.string().meta({ description: 'The prompt as sent.' }),
    prompt_used: z.string().meta({ description: 'The prompt as composed for the model.' }),
    dataset_id: id.nullable(),
    style: z.string().nullable(),
    aspect_ratio: z.string().nullable(),
    quality: z.string().nullable(),
    format: z.string().nullable().meta({ description: 'Null: the bytes are kept as the model made them.' }),
    resolution: z.string().nullable(),
    reference_images_count: count.nullable(),
    thumbnail_url: z
      .string()
      .nullable()
      .meta({
        description:
          'A picture of at most 512 pixels a side, or the file itself where that is small. Null: there is none, as of images ' +
          'of before there were any; show `image_url`.',
      }),
    status: openText(STATUSES, 'All but `pending` and `processing` are final.'),
    status_sequence: count.meta({ description: 'Rises with every change of the image.' }),
    prompt: z.string().meta({ description: 'The prompt as sent.' }),
    unique_visual_elements: z.unknown().nonoptional().meta({ description: 'As the dataset had them.' }),
    model: z.string().nullable(),
    mime_type: z.string().nullable(),
    width: count.nullable(),
    height: count.nullable(),
    bytes: count.nullable(),
    sha256: z.string().nullable().meta({ description: 'Of the file, in hexadecimal.' }),
    batch_id: id.nullable(),
    custom_id: z.string().nullable(),
    parent_id: id.nullable().meta({ description: 'The image that it was made from again.' }),
    root_id: id.nullable().meta({ description: 'The first of its line; itself when it is that.' }),
    metadata: z.record(z.string(), z.unknown()),
    queue_position: count
      .nullable()
      .meta({ description: 'Null when it does not wait, or that is not known.' }),
    eta_seconds: count
      .nullable()
      .meta({ description: 'Null when it is not known, as while no worker runs.' }),
    attempt: count,
    error: recordError.nullable(),
    warnings: z.array(warning),
    estimated_cost_usd: usd.nullable(),
    cost_usd: usd.nullable().meta({
      description: 'Null until it is known; 0 if it ended before any call that may have been billed.',
    }),
    usage: z.strictObject(usageSchema.shape).nullable(),
    timings: timings.nullable(),
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable().meta({ description: 'When it reached its final status.' }),
    deadline_at: time.nullable(),
    cancel_requested_at: time.nullable(),
    links: z.strictObject({ self: z.string(), cancel: z.string(), image: z.string(), events: eventsLink }),
  })
  .meta({ id: 'GeneratedImage' });

export type ImageRecord = z.infer<typeof imageRecord>;

/** A page of them. The totals are there when they were asked for. */
export const historyPage = z
  .strictObject({
    items: z.array(imageRecord),
    limit: z.int(),
    offset: z.int(),
    next_cursor: z.string().nullable().meta({ description: 'For `cursor`; null on the last page.' }),
    total: z.int().nullish(),
    total_complete: z.boolean().nullish().meta({ description: 'False: there are more than were counted.' }),
  })
  .meta({ id: 'HistoryPage' });
export type HistoryPage = z.infer<typeof historyPage>;

export const generationEstimate = z
  .strictObject({
    dry_run: z.literal(true),
    estimated_cost_usd: usd,
    queue_position: count.nullable(),
    eta_seconds: count.nullable(),
    warnings: z.array(warning).meta({ description: 'What would keep it waiting.' }),
  })
  .meta({ id: 'GenerationEstimate' });
export type GenerationEstimate = z.infer<typeof generationEstimate>;
