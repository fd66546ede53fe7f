import { z } from 'zod';
import {
  newWebhookSecret,
  webhookDeliveriesQuery,
  webhookDeliveryPage,
  webhookDeliveryRecord,
  webhookSecretList,
  webhookSecretRequest,
  webhookSecretsQuery,
} from '../webhook-schemas.ts';
import { BODY_REFUSALS, CALLER_REFUSALS, type Resource } from './operation.ts';

const SECRET = {
  id: '0198b8a0-2222-7222-8333-444455556667',
  user_id: '0198b8a0-5555-7222-8333-444455556666',
  hint: 'x7Qa',
  created_at: '2026-11-23T08:00:00.000Z',
};

const DELIVERY = {
  id: '0198b8a0-3333-7222-8333-444455556666',
  user_id: '0198b8a0-5555-7222-8333-444455556666',
  type: 'image.succeeded',
  image_id: '0198b8a0-1111-7222-8333-444455556666',
  batch_id: null,
  url: 'https://hooks.example.com/darkroom',
  status: 'pending',
  attempt: 1,
  http_status: 503,
  error_code: 'http_status',
  created_at: '2026-11-23T08:00:00.000Z',
  last_attempt_at: '2026-11-23T08:00:01.000Z',
  next_attempt_at: '2026-11-23T08:00:06.000Z',
  completed_at: null,
};

export const webhooks: Resource = {
  tag: 'webhooks',
  description:
    'How an image ended is told to its `webhook_url`, as Standard Webhooks has it (standardwebhooks.com): a POST of ' +
    '`{type, timestamp, data}`, signed with every secret of its user. Any 2xx takes it; otherwise it comes again, ten times in three ' +
    'days. It may come more than once: the `webhook-id` stays the same.',
  operations: [
    {
      method: 'get',
      path: '/ai/webhook-secrets',
      operationId: 'listWebhookSecrets',
      summary: 'List your webhook secrets',
      description: 'An admin sees the newest thousand of all users, or those of one.',
      access: 'users and admins',
      query: webhookSecretsQuery,
      answers: {
        200: { description: 'Two at most.', schema: webhookSecretList, example: { items: [SECRET] } },
      },
      refusals: ['validation_failed', 'forbidden', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/webhook-secrets',
      operationId: 'createWebhookSecret',
      summary: 'Make a webhook secret',
      description:
        'Keep it: no other answer shows it. A second one is for rotating: webhooks are signed with both until you delete ' +
        'one. An admin makes it for `user_id`. An API key cannot.',
      access: 'users and admins',
      body: { schema: webhookSecretRequest, example: {}, isOptional: true },
      answers: {
        201: {
          description: 'The secret.',
          schema: newWebhookSecret,
          example: { ...SECRET, secret: 'whsec_J3vQ0rS8m1y5pN6tXb2cK9wE4uH7zLfGdAiOoPqRJ3vQ0rS8x7Qa' },
        },
      },
      refusals: ['forbidden', ...BODY_REFUSALS, ...CALLER_REFUSALS],
    },
    {
      method: 'delete',
      path: '/ai/webhook-secrets/{id}',
      operationId: 'deleteWebhookSecret',
      summary: 'Delete a webhook secret',
      description:
        'Nothing is signed with it any more. Without any, deliveries wait for another one, as after a failure.',
      access: 'users and admins',
      pathParams: z.object({ id: z.guid().meta({ description: 'Of the secret.' }) }),
      answers: { 204: { description: 'Deleted.' } },
      refusals: ['forbidden', 'not_found', ...CALLER_REFUSALS],
    },
    {
      method: 'get',
      path: '/ai/webhook-deliveries',
      operationId: 'listWebhookDeliveries',
      summary: 'List what was sent, newest first',
      description: 'Kept for 30 days after its end. `user_id` is for admins.',
      access: 'users and admins',
      query: webhookDeliveriesQuery,
      answers: {
        200: {
          description: 'A page.',
          schema: webhookDeliveryPage,
          someHeaders: ['Link'],
          example: { items: [DELIVERY], limit: 50, next_cursor: null },
        },
      },
      refusals: ['validation_failed', 'forbidden', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/webhook-deliveries/{id}/replay',
      operationId: 'replayWebhookDelivery',
      summary: 'Send it again',
      description: 'At once, with the same `webhook-id` and body, and if need be by the whole schedule.',
      access: 'users and admins',
      pathParams: z.object({ id: z.guid().meta({ description: 'Of the delivery.' }) }),
      answers: { 202: { description: 'It will be sent.', schema: webhookDeliveryRecord, example: DELIVERY } },
      refusals: ['not_found', ...CALLER_REFUSALS],
    },
  ],
};
