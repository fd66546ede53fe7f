import { z } from 'zod';
import { cursor } from './cursor.ts';
import { generateRequest, metadata, storableText } from './generate-request.ts';
import { openText } from './open-text.ts';
import { eventsLink } from './record-schema.ts';
import { webhookUrl } from './webhook-url.ts';

export const BATCH_LIMITS = { json_items: 1_000, ndjson_lines: 100_000, custom_id_characters: 200 } as const;
export const BATCH_STATUSES = ['pending', 'processing', 'completed', 'canceled'] as const;

const name = storableText.trim().min(1).max(200);

const batchWebhookUrl = webhookUrl.meta({
  description:
    'Where the end of the batch is told. Those of its images are told where each, or `defaults`, says.',
});

export const customId = storableText.min(1).max(BATCH_LIMITS.custom_id_characters).nullish().meta({
  description: 'Your own name of the image, once in a batch.',
});

/** An item of a batch, for the document: a whole request of one image, with a name of its own. */
export const batchItem = generateRequest
  .omit({ dry_run: true })
  .extend({ custom_id: customId })
  .meta({ id: 'BatchItemRequest' });
export type BatchItem = z.input<typeof batchItem>;

/** `POST /ai/batches` as JSON. Items are read one by one, so that all errors of all of them are told by their place. */
export const batchRequest = z.strictObject({
  name: name.nullish(),
  defaults: z.looseObject({}).nullish(),
  items: z.array(z.unknown()).min(1).max(BATCH_LIMITS.json_items),
  metadata: metadata.optional(),
  webhook_url: batchWebhookUrl,
  dry_run: z.boolean().nullish(),
});

/** The same as the document shows it. */
export const batchRequestShown = batchRequest
  .extend({
    defaults: batchItem.omit({ custom_id: true }).partial().nullish().meta({
      description: 'Fields of each item that does not have them itself.',
    }),
    items: z.array(batchItem).min(1).max(BATCH_LIMITS.json_items),
  })
  .meta({ id: 'BatchRequest' });
export type BatchBody = z.input<typeof batchRequestShown>;

/** `POST /ai/batches` as NDJSON: each line is an item, and what is said of all of them is in the query. */
export const batchQuery = z.strictObject({
  name: name.optional(),
  webhook_url: batchWebhookUrl.unwrap().unwrap().optional(),
  dry_run: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});

export const batchesQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: cursor.optional(),
});

const count = z.int().min(0);
const time = z.iso.datetime();

export const batchRecord = z
  .strictObject({
    id: z.guid(),
    name: z.string().nullable(),
    status: openText(BATCH_STATUSES, '`pending` until its first image is being made.'),
    counts: z.strictObject({
      total: count,
      pending: count,
      processing: count,
      succeeded: count,
      failed: count,
      canceled: count,
      expired: count,
    }),
    estimated_cost_usd: z.number().min(0),
    cost_usd: z.number().min(0).meta({ description: 'So far.' }),
    eta_seconds: count.nullable().meta({
      description:
        'Of its last image. Null when it is not known, as while no worker runs or the queue is paused.',
    }),
    metadata: z.record(z.string(), z.unknown()),
    parent_id: z
      .guid()
      .nullable()
      .meta({ description: 'The batch whose failed images this one makes again.' }),
    created_at: time,
    completed_at: time.nullable().meta({ description: 'When its last image ended, as seen a moment later.' }),
    canceled_at: time.nullable(),
    links: z.strictObject({
      self: z.string(),
      items: z.string(),
      cancel: z.string(),
      retry: z.string(),
      events: eventsLink,
    }),
  })
  .meta({ id: 'Batch' });
export type BatchRecord = z.infer<typeof batchRecord>;

export const batchPage = z
  .strictObject({
    items: z.array(batchRecord),
    limit: z.int(),
    next_cursor: z.string().nullable().meta({ description: 'For `cursor`; null on the last page.' }),
  })
  .meta({ id: 'BatchPage' });
export type BatchPage = z.infer<typeof batchPage>;

export const batchEstimate = z
  .strictObject({
    dry_run: z.literal(true),
    images: count,
    estimated_cost_usd: z.number().min(0),
  })
  .meta({ id: 'BatchEstimate' });
export type BatchEstimate = z.infer<typeof batchEstimate>;
