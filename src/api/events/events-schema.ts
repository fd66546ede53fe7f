import { z } from 'zod';
import { batchRecord } from '../batch-schemas.ts';
import { imageRecord } from '../record-schema.ts';

const id = z.guid().toLowerCase();

/** The query of `GET /ai/events`. */
export const eventsQuery = z
  .strictObject({
    image_id: id
      .optional()
      .meta({ description: 'Only this image, which is told at once, whatever its state.' }),
    batch_id: id
      .optional()
      .meta({ description: 'Only this batch and its images; not together with `image_id`.' }),
    last_event_id: z
      .string()
      .optional()
      .meta({ description: 'As the header `Last-Event-ID`, which goes before it.' }),
    token: z.string().optional().meta({
      description: 'As `links.events` of an image or batch has it, in place of the header `Authorization`.',
    }),
  })
  .refine((query) => query.image_id === undefined || query.batch_id === undefined, {
    path: ['batch_id'],
    message: 'goes not together with image_id',
  });

const deletedImage = imageRecord.pick({ id: true, status_sequence: true }).strict();

/** The data of each event. */
export const EVENT_DATA: Record<string, z.ZodType> = {
  'image.updated': z.strictObject({ image: imageRecord }),
  'image.deleted': z.strictObject({ image: deletedImage }),
  'batch.updated': z.strictObject({ batch: batchRecord }),
  resync: z.strictObject({ reason: z.enum(['unknown', 'too_old', 'too_much']) }),
};
