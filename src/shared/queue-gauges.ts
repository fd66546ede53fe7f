import { z } from 'zod';

/** What get_queue_gauges answers; the function describes each. */
export const queueGaugesSchema = z.object({
  workers: z.int(),
  slots: z.int(),
  waiting: z.int(),
  delayed: z.int(),
  released: z.int(),
  processing: z.int(),
  oldest_pending_seconds: z.number().nullable(),
  oldest_released_seconds: z.number().nullable(),
  pauses: z.array(z.object({ scope: z.string(), seconds: z.number() })),
  cleanup_due: z.int(),
  cleanup_overdue_seconds: z.number().nullable(),
});
export type QueueGauges = z.infer<typeof queueGaugesSchema>;
