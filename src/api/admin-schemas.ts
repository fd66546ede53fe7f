import { z } from 'zod';
import { ERROR_CODES } from '../shared/generation.ts';
import { storableText } from './generate-request.ts';
import { openText } from './open-text.ts';

/** A time that PostgreSQL knows, as it is told there: in UTC. */
const time = z.iso
  .datetime({ offset: true, error: 'is no RFC 3339 time', abort: true })
  .refine((text) => /^[1-9]\d{3}-/.test(toUtc(text)), 'is not between the years 1000 and 9999')
  .overwrite(toUtc);
const modelId = storableText.min(1).max(100);
const answeredTime = z.iso.datetime();
const dryRun = z.boolean().nullish().meta({ description: 'Only say what it would come to.' });

export const LONGEST_RETRY = 10_000;
/** Without `since`, retries go back so far. */
export const RETRIED_HOURS = 24;

export const pauseRequest = z
  .strictObject({
    model: modelId.nullish().meta({ description: 'Only this model; all without it.' }),
    until: time.nullish().meta({ description: 'When it ends by itself; never without it.' }),
    reason: storableText.trim().min(1).max(500).nullish().meta({ description: 'For others to read.' }),
  })
  .meta({ id: 'PauseRequest' });

export const resumeRequest = z
  .strictObject({
    model: modelId.nullish().meta({ description: 'The pause of this model; that of all without it.' }),
    holds: z.boolean().nullish().meta({
      description:
        'Do not wait for automatic holds either: of that model, or of everything. One image probes first.',
    }),
  })
  .meta({ id: 'ResumeRequest' });

const pause = z
  .strictObject({
    scope: openText(['all', 'model'], 'What is held back.'),
    model: z.string().nullable(),
    by: openText(['operator', 'quota'], '`quota`: by what Gemini answered, such as a quota or a bad key.'),
    state: openText(['paused', 'probing'], '`probing`: its time is over, one image finds out.'),
    until: answeredTime.nullable().meta({ description: 'Null: until somebody resumes.' }),
    reason: z.string().nullable(),
    created_at: answeredTime,
  })
  .meta({ id: 'Pause' });

export const queueState = z
  .strictObject({ pauses: z.array(pause).meta({ description: 'What is in force now; nothing: all go on.' }) })
  .meta({ id: 'QueueState' });
export type QueueState = z.infer<typeof queueState>;

export const retryRequest = z
  .strictObject({
    codes: z.array(z.enum(ERROR_CODES)).min(1).nullish().meta({
      description: 'Failed with one of these codes; all but `content_blocked` without it.',
    }),
    since: time
      .nullish()
      .meta({ description: `Ended then or later; ${RETRIED_HOURS} hours ago without it.` }),
    until: time.nullish().meta({ description: 'Ended earlier than that.' }),
    model: modelId.nullish(),
    user_id: z.guid().toLowerCase().nullish(),
    limit: z.int().min(1).max(LONGEST_RETRY).default(1_000).meta({ description: 'At most so many copies.' }),
    dry_run: dryRun,
  })
  .meta({ id: 'RetryRequest' });

const complete = z.boolean().meta({ description: 'False: there may be more of them; ask again.' });

export const retried = z
  .strictObject({
    images: z.int().meta({ description: 'Copies that were made, or would be.' }),
    estimated_cost_usd: z.number(),
    dry_run: z.boolean(),
    complete,
  })
  .meta({ id: 'Retried' });
export type RetriedRecord = z.infer<typeof retried>;

export const purgeRequest = z
  .strictObject({
    user_id: z.guid().toLowerCase().nullish().meta({ description: 'Those of this user.' }),
    all: z.literal(true).nullish().meta({ description: 'Those of everybody.' }),
    model: modelId.nullish(),
    created_before: time.nullish().meta({ description: 'Only older ones.' }),
    dry_run: dryRun,
  })
  .refine(({ user_id, all }) => (user_id == null) !== (all == null), {
    path: ['user_id'],
    error: 'say whose: one of user_id and "all": true',
  })
  .meta({ id: 'PurgeRequest' });

export const purged = z
  .strictObject({
    images: z.int().meta({ description: 'Images that were canceled, or would be.' }),
    dry_run: z.boolean(),
    complete,
  })
  .meta({ id: 'Purged' });
export type PurgedRecord = z.infer<typeof purged>;

const LIMITS = {
  max_concurrency: [
    1,
    1_000_000,
    'Images that may be in work or on their way to a worker at once, over all workers.',
  ],
  max_concurrency_per_caller: [1, 1_000_000, 'Images of one caller that may be so at once.'],
  max_starts_per_minute: [1, 1_000_000, 'Images that may start in any 60 seconds, over all workers.'],
  max_pending: [0, 100_000_000, 'Images that may wait for one caller.'],
  max_failures: [1, 100, 'Failed attempts that an image may have.'],
  max_billable_calls: [1, 100, 'Calls of an image that may have been billed.'],
} as const;

const limit = (name: keyof typeof LIMITS) => {
  const [least, most, description] = LIMITS[name];
  return z.int().min(least).max(most).meta({ description });
};

export const limitsRequest = z
  .strictObject({
    max_concurrency: limit('max_concurrency').nullable().optional(),
    max_concurrency_per_caller: limit('max_concurrency_per_caller').nullable().optional(),
    max_starts_per_minute: limit('max_starts_per_minute').nullable().optional(),
    max_pending: limit('max_pending').optional(),
    max_failures: limit('max_failures').optional(),
    max_billable_calls: limit('max_billable_calls').optional(),
  })
  .meta({ id: 'LimitsRequest' });

const answered = (name: keyof typeof LIMITS) => z.int().meta({ description: LIMITS[name][2] });

export const limits = z
  .strictObject({
    max_concurrency: answered('max_concurrency').nullable(),
    max_concurrency_per_caller: answered('max_concurrency_per_caller').nullable(),
    max_starts_per_minute: answered('max_starts_per_minute').nullable(),
    max_pending: answered('max_pending'),
    max_failures: answered('max_failures'),
    max_billable_calls: answered('max_billable_calls'),
  })
  .meta({ id: 'Limits' });
export type LimitsRecord = z.infer<typeof limits>;

const worker = z
  .strictObject({
    id: z.guid().meta({ description: 'New with every start.' }),
    host: z.string(),
    concurrency: z.int().meta({ description: 'Its slots; 0 while it drains.' }),
    busy: z.int().meta({ description: 'Images that it holds.' }),
    alive: z.boolean().meta({ description: 'It has beaten within the lease.' }),
    draining: z.boolean(),
    started_at: answeredTime,
    last_beat_at: answeredTime,
  })
  .meta({ id: 'Worker' });

export const workerList = z
  .strictObject({
    items: z
      .array(worker)
      .meta({ description: 'Who beat last first; the dead stay for a day. 1,000 at most.' }),
    slots: z.int().meta({ description: 'Of those that live.' }),
    busy: z.int(),
  })
  .meta({ id: 'WorkerList' });
export type WorkerList = z.infer<typeof workerList>;

function toUtc(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}
