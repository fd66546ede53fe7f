import { z } from 'zod';
import {
  limits,
  limitsRequest,
  pauseRequest,
  purged,
  purgeRequest,
  queueState,
  resumeRequest,
  retried,
  retryRequest,
  workerList,
} from '../admin-schemas.ts';
import { BODY_REFUSALS, CALLER_REFUSALS, type Operation, type Resource } from './operation.ts';

const MODEL = 'gemini-3-pro-image';
const PAUSED = {
  pauses: [
    {
      scope: 'model',
      model: MODEL,
      by: 'operator',
      state: 'paused',
      until: null,
      reason: 'maintenance',
      created_at: '2026-11-23T08:00:00.000Z',
    },
  ],
};
const LIMITS = {
  max_concurrency: 200,
  max_concurrency_per_caller: 50,
  max_starts_per_minute: 600,
  max_pending: 20_000,
  max_failures: 5,
  max_billable_calls: 2,
};
const WORKERS = {
  items: [
    {
      id: '0d2cbb8c-9f0e-4f0e-8a55-2b8c51ad2b10',
      host: 'worker-1',
      concurrency: 8,
      busy: 3,
      alive: true,
      draining: false,
      started_at: '2026-11-23T08:00:00.000Z',
      last_beat_at: '2026-11-23T09:30:00.000Z',
    },
  ],
  slots: 8,
  busy: 3,
};

const READ_REFUSALS: Operation['refusals'] = ['forbidden', ...CALLER_REFUSALS];
const WRITE_REFUSALS: Operation['refusals'] = [...BODY_REFUSALS, ...READ_REFUSALS];
const state = (description: string) => ({ description, schema: queueState, example: PAUSED });

export const admin: Resource = {
  tag: 'admin',
  description:
    'For operators, with the service key or `ADMIN_TOKEN`. All of it may be repeated, and holds for all workers at once, ' +
    'without a restart.',
  operations: [
    {
      method: 'get',
      path: '/admin/queue',
      operationId: 'getQueueState',
      summary: 'What holds images back',
      access: 'admins',
      answers: { 200: state('Pauses of operators, and automatic holds.') },
      refusals: READ_REFUSALS,
    },
    {
      method: 'post',
      path: '/admin/queue/pause',
      operationId: 'pauseQueue',
      summary: 'Start no more images',
      description:
        'Of one model, or of all. What is being made ends; submits are taken and wait. Pausing again sets another end and ' +
        'reason. A pause that ends by itself reopens by one image that probes; `resume` opens at once.',
      access: 'admins',
      body: { schema: pauseRequest, example: { model: MODEL, reason: 'maintenance' } },
      answers: { 200: state('What is in force now.') },
      refusals: WRITE_REFUSALS,
    },
    {
      method: 'post',
      path: '/admin/queue/resume',
      operationId: 'resumeQueue',
      summary: 'Lift a pause',
      description:
        'The one that `pause` with the same `model` set; the others stay. Automatic holds (quota, bad key, no credit) stay ' +
        'too, unless `holds` asks for an end of their wait: then one image probes, and the others follow once its call ' +
        'went through.',
      access: 'admins',
      body: { schema: resumeRequest, example: { model: MODEL } },
      answers: { 200: { ...state('What is in force now.'), example: { pauses: [] } } },
      refusals: WRITE_REFUSALS,
    },
    {
      method: 'post',
      path: '/admin/queue/retry-failed',
      operationId: 'retryFailedImages',
      summary: 'Make failed and expired images again',
      description:
        'A failed image stays as it ended. It gets a copy of its request in the lane of its owner, with `parent_id` and ' +
        '`root_id`, and never a second one by this. Copies may cost money; `dry_run` tells beforehand. `max_pending` does ' +
        'not hold for them. Answers after 20 seconds at the latest, with what was done so far.',
      access: 'admins',
      body: {
        schema: retryRequest,
        example: {
          codes: ['misconfigured', 'deadline_exceeded'],
          since: '2026-11-23T08:00:00Z',
          limit: 1_000,
        },
      },
      answers: {
        200: {
          description: 'How many, and what they may cost.',
          schema: retried,
          example: { images: 17, estimated_cost_usd: 2.278, dry_run: false, complete: true },
        },
      },
      refusals: WRITE_REFUSALS,
    },
    {
      method: 'post',
      path: '/admin/queue/purge',
      operationId: 'purgeQueue',
      summary: 'Cancel pending images',
      description:
        'Of a user, or with `"all": true` of everybody. They become `canceled`; nothing is deleted. What a worker is making ' +
        'goes on. Answers after 20 seconds at the latest, with what was done so far.',
      access: 'admins',
      body: {
        schema: purgeRequest,
        example: { user_id: '0198b8a0-5555-7222-8333-444455556666', created_before: '2026-11-23T08:00:00Z' },
      },
      answers: {
        200: {
          description: 'How many.',
          schema: purged,
          example: { images: 9_000, dry_run: false, complete: true },
        },
      },
      refusals: WRITE_REFUSALS,
    },
    {
      method: 'get',
      path: '/admin/limits',
      operationId: 'getLimits',
      summary: 'The limits on everybody together',
      access: 'admins',
      answers: { 200: { description: 'Null is no limit.', schema: limits, example: LIMITS } },
      refusals: READ_REFUSALS,
    },
    {
      method: 'patch',
      path: '/admin/limits',
      operationId: 'changeLimits',
      summary: 'Change limits',
      description:
        'What is not named stays; null takes away what may be null. They hold at once. What was on its way to a worker ' +
        'when a limit came goes on; what is taken over from a dead worker is not counted as another start.',
      access: 'admins',
      body: { schema: limitsRequest, example: { max_concurrency: 200, max_starts_per_minute: 600 } },
      answers: { 200: { description: 'All of them as they are now.', schema: limits, example: LIMITS } },
      refusals: WRITE_REFUSALS,
    },
    {
      method: 'get',
      path: '/admin/workers',
      operationId: 'listWorkers',
      summary: 'List the workers',
      access: 'admins',
      answers: {
        200: { description: 'The living and the lately dead.', schema: workerList, example: WORKERS },
      },
      refusals: READ_REFUSALS,
    },
    {
      method: 'get',
      path: '/admin/queues',
      operationId: 'getQueueBoard',
      summary: 'Look into Redis',
      description:
        'Bull Board, for browsers: the window of jobs that are out. For looking only; what is below this path is its own.',
      access: 'admins, in a browser',
      answers: { 200: { description: 'The page.', schema: z.string(), contentType: 'text/html' } },
      refusals: ['unauthorized', 'forbidden', 'rate_limited'],
    },
  ],
};
