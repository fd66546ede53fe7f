import { type ImageEvents, imageEvents } from '../image-events-schema.ts';
import { PENDING_IMAGE } from './examples.ts';
import { imagePath } from './image-path.ts';
import { CALLER_REFUSALS, type Operation } from './operation.ts';

const WORKER = '0198b8a0-7777-4222-8333-444455556666';

const EXAMPLE: ImageEvents = {
  id: PENDING_IMAGE.id,
  status: 'processing',
  created_at: '2026-11-23T08:00:00.000Z',
  started_at: '2026-11-23T08:00:02.100Z',
  cancel_requested_at: null,
  completed_at: null,
  deadline_at: '2026-11-24T08:00:00.000Z',
  is_complete: true,
  events: [
    { from: null, to: 'pending', attempt: 0, worker_id: null, error: null, at: '2026-11-23T08:00:00.000Z' },
    {
      from: 'pending',
      to: 'processing',
      attempt: 1,
      worker_id: WORKER,
      error: null,
      at: '2026-11-23T08:00:02.100Z',
    },
    {
      from: 'processing',
      to: 'pending',
      attempt: 1,
      worker_id: WORKER,
      error: {
        code: 'upstream_error',
        message: 'Gemini is in trouble (503).',
        retryable: true,
        upstream: { reason: 'UNAVAILABLE', http_status: 503 },
      },
      at: '2026-11-23T08:00:09.000Z',
    },
    {
      from: 'pending',
      to: 'processing',
      attempt: 2,
      worker_id: WORKER,
      error: null,
      at: '2026-11-23T08:00:12.000Z',
    },
  ],
};

export const listImageEvents: Operation = {
  method: 'get',
  path: '/ai/generated-images/{id}/events',
  operationId: 'listImageEvents',
  summary: 'Tell what happened to an image',
  description:
    'Every transition: when, by which attempt of which worker, and why an attempt came to nothing. To be told as it ' +
    'happens, see `GET /ai/events`.',
  access: 'anonymous or any',
  pathParams: imagePath,
  answers: { 200: { description: 'The last 500 at most.', schema: imageEvents, example: EXAMPLE } },
  refusals: ['not_found', 'gone', ...CALLER_REFUSALS],
};
