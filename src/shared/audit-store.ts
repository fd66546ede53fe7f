import { z } from 'zod';
import { type CallerScope, scopeArgs } from './caller-scope.ts';
import { generationErrorSchema, STATUSES } from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const eventSchema = z.object({
  from_status: z.enum(STATUSES).nullable(),
  to_status: z.enum(STATUSES),
  attempt: z.int(),
  worker_id: z.guid().nullable(),
  /** Of the attempt that this transition ended; null where it is no failure. */
  error: generationErrorSchema.nullable(),
  at: z.string(),
});
export type GenerationEvent = z.infer<typeof eventSchema>;

const auditSchema = z.object({
  id: z.guid(),
  status: z.enum(STATUSES),
  deleted_at: z.string().nullable(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  cancel_requested_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  deadline_at: z.string().nullable(),
  /** False: there were more, and earlier, events than were answered. */
  is_complete: z.boolean(),
  events: z.array(eventSchema),
});
export type GenerationAudit = z.infer<typeof auditSchema>;

/** What happened to images; `store.ts` says how. */
export function createAuditStore(rpc: Rpc) {
  return {
    getGenerationEvents: (
      id: string,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<GenerationAudit | null> =>
      one(auditSchema, rpc('get_generation_events', { p_id: id, ...scopeArgs(caller) }, options)),
  };
}
