import { z } from 'zod';
import {
  type BatchRecord,
  batchEstimate,
  batchesQuery,
  batchItem,
  batchPage,
  batchQuery,
  batchRecord,
  batchRequestShown,
} from '../batch-schemas.ts';
import { GENERATE_EXAMPLE } from './examples.ts';
import { BODY_REFUSALS, CALLER_REFUSALS, type Operation, type Resource } from './operation.ts';

const ID = '0198b8a0-7777-7222-8333-444455556666';
const SELF = `/ai/batches/${ID}`;

const EXAMPLE: BatchRecord = {
  id: ID,
  name: 'Autumn menu',
  status: 'processing',
  counts: { total: 2, pending: 1, processing: 1, succeeded: 0, failed: 0, canceled: 0, expired: 0 },
  estimated_cost_usd: 0.0672,
  cost_usd: 0,
  eta_seconds: 21,
  metadata: {},
  parent_id: null,
  created_at: '2026-11-23T08:00:00.000Z',
  completed_at: null,
  canceled_at: null,
  links: {
    self: SELF,
    items: `/ai/generated-images?batch_id=${ID}`,
    cancel: `${SELF}/cancel`,
    retry: `${SELF}/retry`,
    events: `/ai/events?batch_id=${ID}&token=t7sd3o.YW5vbnltb3Vz.c2lnbmF0dXJl`,
  },
};

const batchPath = z.object({ id: z.guid().meta({ description: 'Of the batch.' }) });
const answered = (description: string) => ({
  description,
  schema: batchRecord,
  example: EXAMPLE,
  someHeaders: ['Retry-After' as const],
});
const accepted = (description: string) => ({ ...answered(description), headers: ['Location' as const] });
const ACCEPT_REFUSALS: Operation['refusals'] = ['idempotency_in_progress', 'queue_full'];

export const batches: Resource = {
  tag: 'batches',
  description:
    'Many images that are accepted together or not at all. Their images are in history, by `batch_id`, and each can be ' +
    'stopped, deleted and made again like any other.',
  operations: [
    {
      method: 'get',
      path: '/ai/batches',
      operationId: 'listBatches',
      summary: 'List your batches, newest first',
      access: 'users and admins',
      query: batchesQuery,
      answers: {
        200: {
          description: 'A page.',
          schema: batchPage,
          headers: ['Link'],
          example: { items: [EXAMPLE], limit: 50, next_cursor: null },
        },
      },
      refusals: ['validation_failed', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/batches',
      operationId: 'createBatch',
      summary: 'Submit many images',
      description:
        'As JSON up to 1,000 items, or as NDJSON up to 100,000 lines, each of them an item; `name` and `dry_run` are in the ' +
        'query then. All are accepted or none: a refusal names every bad field of every item, by its pointer or its line.',
      access: 'users and admins',
      query: batchQuery,
      headers: ['Idempotency-Key'],
      body: {
        schema: batchRequestShown,
        lines: batchItem,
        example: { name: 'Autumn menu', items: [{ custom_id: '1', ...GENERATE_EXAMPLE }] },
      },
      answers: {
        200: {
          description: 'With `dry_run`: what it would cost. Nothing is stored.',
          schema: batchEstimate,
          example: { dry_run: true, images: 2, estimated_cost_usd: 0.0672 },
        },
        202: accepted('Accepted, all of it; or the batch that the same Idempotency-Key has made before.'),
      },
      refusals: [...BODY_REFUSALS, 'idempotency_key_reused', ...ACCEPT_REFUSALS, ...CALLER_REFUSALS],
    },
    {
      method: 'get',
      path: '/ai/batches/{id}',
      operationId: 'getBatch',
      summary: 'Read a batch',
      access: 'users and admins',
      pathParams: batchPath,
      answers: { 200: answered('Whatever its state.') },
      refusals: ['not_found', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/batches/{id}/cancel',
      operationId: 'cancelBatch',
      summary: 'Stop a batch',
      description:
        'Its images that wait are canceled, those that are being made are stopped. One that has ended stays as it is.',
      access: 'users and admins',
      pathParams: batchPath,
      answers: { 200: answered('As it is then; some of its images may still be stopping.') },
      refusals: ['not_found', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/batches/{id}/retry',
      operationId: 'retryBatch',
      summary: 'Make the failed and expired images of a batch again',
      description:
        'In a new batch of copies, each with the `parent_id` of its image. The images of before stay. Where none has failed ' +
        'or expired, it is refused with `validation_failed`, and nothing is made.',
      access: 'users and admins',
      pathParams: batchPath,
      headers: ['Idempotency-Key'],
      answers: { 202: accepted('The new batch; or that which the same Idempotency-Key has made before.') },
      refusals: ['not_found', 'validation_failed', ...ACCEPT_REFUSALS, ...CALLER_REFUSALS],
    },
  ],
};
