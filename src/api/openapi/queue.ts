import { type QueueLoad, queueLoad } from '../queue-schema.ts';
import { CALLER_REFUSALS, type Resource } from './operation.ts';

const EXAMPLE: QueueLoad = {
  state: 'throttled',
  workers: 3,
  slots: 24,
  waiting: 812,
  released: 4,
  processing: 24,
  wait: { images: 50, p50_seconds: 4.2, p95_seconds: 31.5, p99_seconds: 38 },
  holds: [
    {
      scope: 'model',
      model: 'gemini-nano-banana-2.1',
      by: 'quota',
      state: 'paused',
      until: '2026-11-23T08:00:41.000Z',
    },
  ],
  mine: { waiting: 3, released: 0, processing: 1, queue_position: 16, eta_seconds: 17 },
};

export const queue: Resource = {
  tag: 'queue',
  description: 'How busy it is.',
  operations: [
    {
      method: 'get',
      path: '/ai/queue',
      operationId: 'getQueue',
      summary: 'Read how long an image takes now',
      description:
        'Of the whole queue as it was at most two seconds ago; `mine` is the caller’s part, as it is now.',
      access: 'anonymous or any',
      answers: { 200: { description: 'The load.', schema: queueLoad, example: EXAMPLE } },
      refusals: CALLER_REFUSALS,
    },
  ],
};
