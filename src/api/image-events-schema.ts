import { z } from 'zod';
import { ERROR_CODES, STATUSES } from '../shared/generation.ts';
import { openText } from './open-text.ts';

const time = z.iso.datetime();

const imageEvent = z
  .strictObject({
    from: openText(STATUSES, 'Null: it was accepted with this.').nullable(),
    to: openText(STATUSES, 'The status from then on.'),
    attempt: z.int().min(0).meta({ description: 'How often a worker had taken it by then.' }),
    worker_id: z.guid().nullable().meta({ description: 'The worker that took it, or had it.' }),
    error: z
      .strictObject({
        code: openText(ERROR_CODES, 'Why the attempt, or the image, came to nothing.'),
        message: z.string(),
        retryable: z.boolean(),
        upstream: z.strictObject({ reason: z.string().nullable(), http_status: z.int().nullable() }),
      })
      .nullable(),
    at: time,
  })
  .meta({ id: 'ImageEvent' });

/** What happened to an image, as `GET /ai/generated-images/{id}/events` tells it. */
export const imageEvents = z
  .strictObject({
    id: z.guid(),
    status: openText(STATUSES, 'As it is now.'),
    created_at: time,
    started_at: time.nullable().meta({ description: 'When a worker first took it.' }),
    cancel_requested_at: time.nullable(),
    completed_at: time.nullable(),
    deadline_at: time.nullable(),
    is_complete: z.boolean().meta({ description: 'False: there were more than 500; these are the last.' }),
    events: z
      .array(imageEvent)
      .meta({ description: 'The first one first. None of before there was an audit.' }),
  })
  .meta({ id: 'ImageEvents' });
export type ImageEvents = z.infer<typeof imageEvents>;
