import { z } from 'zod';
import { DELIVERY_STATUSES } from '../shared/webhook-store.ts';
import { cursor } from './cursor.ts';
import { pageSize } from './history-query.ts';
import { openText } from './open-text.ts';

/** In lower case, as the database tells it. */
const userId = z.guid().toLowerCase();

export const webhookSecretRequest = z
  .strictObject({
    user_id: userId.nullish().meta({ description: 'Whose it is. An admin has to name them.' }),
  })
  .meta({ id: 'WebhookSecretRequest' });

/** What an admin sends, to whom no webhooks go: the secret is some user's. */
export const webhookSecretRequestOfAdmin = webhookSecretRequest.extend({ user_id: userId });

/** The query of `GET /ai/webhook-secrets`. */
export const webhookSecretsQuery = z.strictObject({
  user_id: userId.optional().meta({ description: 'Of this user only.' }),
});

export const webhookSecretRecord = z
  .strictObject({
    id: z.guid(),
    user_id: z.guid(),
    hint: z.string().meta({ description: 'The last characters of the secret.' }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'WebhookSecret' });
export type WebhookSecretRecord = z.infer<typeof webhookSecretRecord>;

export const newWebhookSecret = z
  .strictObject({
    ...webhookSecretRecord.shape,
    secret: z.string().meta({
      description:
        '`whsec_` and base64, as libraries of Standard Webhooks take it. No other answer shows it.',
    }),
  })
  .meta({ id: 'NewWebhookSecret' });
export type NewWebhookSecret = z.infer<typeof newWebhookSecret>;

export const webhookSecretList = z
  .strictObject({ items: z.array(webhookSecretRecord) })
  .meta({ id: 'WebhookSecretList' });

/** The query of `GET /ai/webhook-deliveries`. */
export const webhookDeliveriesQuery = z.strictObject({
  limit: pageSize.default(50),
  cursor: cursor.optional(),
  image_id: z.guid().optional(),
  status: z.enum(DELIVERY_STATUSES).optional(),
  user_id: userId.optional(),
});

export const webhookDeliveryRecord = z
  .object({
    id: z.guid().meta({ description: 'The `webhook-id` that it is sent with, each time.' }),
    user_id: z.guid(),
    type: z.string(),
    image_id: z.guid().nullable(),
    batch_id: z.guid().nullable(),
    url: z.string(),
    status: openText(DELIVERY_STATUSES, '`failed` is not sent again by itself.'),
    attempt: z.int().meta({ description: 'How often it was sent, or is being sent.' }),
    http_status: z.int().nullable().meta({ description: 'What the last attempt was answered with.' }),
    error_code: z.string().nullable().meta({ description: 'Why the last attempt failed.' }),
    created_at: z.iso.datetime(),
    last_attempt_at: z.iso.datetime().nullable(),
    next_attempt_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDeliveryRecord = z.infer<typeof webhookDeliveryRecord>;

export const webhookDeliveryPage = z
  .object({ items: z.array(webhookDeliveryRecord), limit: z.int(), next_cursor: z.string().nullable() })
  .meta({ id: 'WebhookDeliveryPage' });
export type WebhookDeliveryPage = z.infer<typeof webhookDeliveryPage>;
