import { z } from 'zod';
import { toUsageCsv } from '../usage-csv.ts';
import { popularPrompts, usagePromptsQuery } from '../usage-prompts-schema.ts';
import { type UsageFigures, type UsageRecord, usageQuery, usageRecord } from '../usage-schemas.ts';
import { CALLER_REFUSALS, type Resource } from './operation.ts';

const FIGURES: UsageFigures = {
  accepted: 120,
  succeeded: 113,
  failed: 2,
  canceled: 4,
  expired: 0,
  open: 1,
  removed: 0,
  deleted: 9,
  images: 113,
  regenerations: 14,
  success_rate: 0.9826,
  calls: 117,
  input_tokens: 5_310,
  output_tokens: 143_920,
  total_tokens: 149_230,
  estimated_cost_usd: 4.032,
  cost_usd: 3.9412,
  cost_difference_usd: 0.0772,
  unpriced_images: 1,
  queue_ms_p50: 1_310,
  queue_ms_p95: 9_740,
  total_ms_p50: 11_688,
  total_ms_p95: 24_235,
};

const EXAMPLE: UsageRecord = {
  from: '2026-11-01',
  to: '2026-11-30',
  group_by: ['day', 'model'],
  total: FIGURES,
  groups: [{ key: { day: '2026-11-23', model: 'gemini-nano-banana-2.1' }, ...FIGURES }],
  is_complete: true,
};

const DESCRIPTION = [
  'Of the caller, whose API keys count as they do; an admin sees everybody, or `user_id`. At most 366 days, of everybody by ' +
    'user or dataset 31.',
  'An image counts for the UTC day on which it was accepted, whenever it ended, and stays counted when it, its dataset or its ' +
    'user is deleted. The images of a batch count from its seal. By `status` each counts where it stands; how many were made ' +
    'again or deleted, only the total tells then. With `dataset` it tells how well datasets do: what was made with them, made ' +
    'again, and deleted.',
  'Groups by day come day by day, others the largest first. With `Accept: text/csv` they come as CSV, a line each.',
].join('\n\n');

export const usage: Resource = {
  tag: 'usage',
  description: 'What was made, how it ended, and what it has cost.',
  operations: [
    {
      method: 'get',
      path: '/ai/usage',
      operationId: 'getUsage',
      summary: 'Tell what was used',
      description: DESCRIPTION,
      access: 'users and admins',
      query: usageQuery,
      answers: {
        200: {
          description: 'Volume, outcome, tokens, cost and times: in total, and by group.',
          schema: usageRecord,
          example: EXAMPLE,
          other: {
            contentType: 'text/csv',
            schema: z.string(),
            example: toUsageCsv(EXAMPLE, ['day', 'model']),
          },
        },
      },
      refusals: ['validation_failed', 'forbidden', ...CALLER_REFUSALS],
    },
    {
      method: 'get',
      path: '/ai/usage/prompts',
      operationId: 'listPopularPrompts',
      summary: 'Tell which prompts are popular',
      description:
        'Those of the caller, the most used first; an admin sees those of everybody, or of `user_id`. Images that are deleted ' +
        'are taken off, and with the last one, or its user, the prompt goes, within seconds. Of an owner with more than 2,000 ' +
        'prompts the least used are forgotten.',
      access: 'users and admins',
      query: usagePromptsQuery,
      answers: {
        200: {
          description: 'As many as asked for, at most.',
          schema: popularPrompts,
          example: {
            items: [
              {
                prompt: 'modern coffee shop interior',
                count: 17,
                images: 16,
                cost_usd: 0.5412,
                last_used_at: '2026-11-23T08:00:00.000Z',
              },
            ],
          },
        },
      },
      refusals: ['validation_failed', 'forbidden', ...CALLER_REFUSALS],
    },
  ],
};
