import { z } from 'zod';
import { openText } from './open-text.ts';

const seconds = z.number().nullable();
const images = (description: string) => z.int().meta({ description });

const hold = z
  .strictObject({
    scope: openText(['all', 'model'], 'What is held back.'),
    model: z.string().nullable(),
    by: openText(['operator', 'quota'], '`quota`: by what Gemini answered, such as a quota or a bad key.'),
    state: openText(['paused', 'probing'], '`probing`: its time is over, one image finds out.'),
    until: z.iso.datetime().nullable().meta({ description: 'Null: until somebody resumes.' }),
  })
  .meta({ id: 'Hold' });

/** `GET /ai/queue`: how busy it is, and what of that is the caller's own. */
export const queueLoad = z
  .strictObject({
    state: openText(
      ['running', 'throttled', 'paused', 'no_workers'],
      '`throttled`: a model, or all of them by a quota, are held back; `paused`: operators start nothing.',
    ),
    workers: z.int().meta({ description: 'That live and do not drain.' }),
    slots: z.int().meta({ description: 'Images that they may make at once.' }),
    waiting: images('Wait for their turn, of everybody.'),
    released: images('On their way to a worker.'),
    processing: images('Being made.'),
    wait: z
      .strictObject({
        images: images('How many this is of: the latest of the last hour, 50 of a model and resolution.'),
        p50_seconds: seconds,
        p95_seconds: seconds,
        p99_seconds: seconds,
      })
      .meta({ description: 'From submit to start. Null: none was made.' }),
    holds: z.array(hold),
    mine: z.strictObject({
      waiting: images('Of mine.'),
      released: images('Of mine.'),
      processing: images('Of mine.'),
      queue_position: z
        .int()
        .nullable()
        .meta({ description: 'Where an image would stand that I submit now, of the default model.' }),
      eta_seconds: z
        .int()
        .nullable()
        .meta({ description: 'When it would be ready; null while nobody can say.' }),
    }),
  })
  .meta({ id: 'QueueLoad' });
export type QueueLoad = z.infer<typeof queueLoad>;
