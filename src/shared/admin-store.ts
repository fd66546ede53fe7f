import { z } from 'zod';
import type { CallOptions, Rpc } from './rpc.ts';

/** Null: no limit. `migrations/0030` and `0052` say what each is. */
const limitsSchema = z.object({
  max_concurrency: z.int().nullable(),
  max_concurrency_per_caller: z.int().nullable(),
  max_starts_per_minute: z.int().nullable(),
  max_pending: z.int(),
  max_failures: z.int(),
  max_billable_calls: z.int(),
});
export type Limits = z.infer<typeof limitsSchema>;

const pauseSchema = z.object({
  scope: z.enum(['all', 'model']),
  model: z.string().nullable(),
  by: z.enum(['operator', 'quota']),
  state: z.enum(['paused', 'probing']),
  until: z.string().nullable(),
  reason: z.string().nullable(),
  created_at: z.string(),
});
export type Pause = z.infer<typeof pauseSchema>;
export const pausesSchema = z.array(pauseSchema);

const workerSchema = z.object({
  id: z.guid(),
  host: z.string(),
  concurrency: z.int(),
  busy: z.int(),
  started_at: z.string(),
  beat_at: z.string(),
  alive: z.boolean(),
  draining: z.boolean(),
});
export type ListedWorker = z.infer<typeof workerSchema>;

const retriedSchema = z.object({ images: z.int(), estimated_cost_usd: z.number() });
export type Retried = z.infer<typeof retriedSchema>;
const purgedSchema = z.object({ ids: z.array(z.guid()), skipped: z.int() });

/** Which failed images to retry: those that ended from `since` until before `until`. Null does not filter. */
export type RetryFilter = {
  since: string;
  until: string | null;
  codes: string[] | null;
  model: string | null;
  userId: string | null;
};

/** Which pending images to cancel. Null does not filter. */
export type PurgeFilter = { laneKey: string | null; model: string | null; createdBefore: string | null };

/** What operators see and do; `store.ts` says how. */
export function createAdminStore(rpc: Rpc) {
  return {
    getLimits: async (options: CallOptions): Promise<Limits> =>
      limitsSchema.parse(await rpc('get_limits', {}, options)),

    changeLimits: async (
      changes: Partial<Limits>,
      options: CallOptions,
    ): Promise<{ before: Limits; after: Limits }> =>
      z
        .object({ before: limitsSchema, after: limitsSchema })
        .parse(await rpc('change_limits', { p_changes: changes }, options)),

    listPauses: async (options: CallOptions): Promise<Pause[]> =>
      pausesSchema.parse(await rpc('list_pauses', {}, options)),

    /** @throws RpcError with code 22023 when `until` has come */
    pauseGenerations: async (
      pause: { model: string | null; until: string | null; reason: string | null },
      options: CallOptions,
    ): Promise<Pause[]> =>
      pausesSchema.parse(
        await rpc(
          'pause_generations',
          { p_model: pause.model, p_until: pause.until, p_reason: pause.reason },
          options,
        ),
      ),

    resumeGenerations: async (model: string | null, holds: boolean, options: CallOptions): Promise<Pause[]> =>
      pausesSchema.parse(await rpc('resume_generations', { p_model: model, p_holds: holds }, options)),

    listWorkers: async (options: CallOptions): Promise<ListedWorker[]> =>
      z.array(workerSchema).parse(await rpc('list_workers', {}, options)),

    countRetryable: async (filter: RetryFilter, limit: number, options: CallOptions): Promise<Retried> =>
      retriedSchema.parse(await rpc('count_retryable', retryArgs(filter, limit), options)),

    /** @throws RpcError with code 23503 when a user or a dataset was deleted meanwhile; nothing was done */
    retryFailedGenerations: async (
      filter: RetryFilter,
      limit: number,
      options: CallOptions,
    ): Promise<Retried> =>
      retriedSchema.parse(await rpc('retry_failed_generations', retryArgs(filter, limit), options)),

    countPurgeable: async (filter: PurgeFilter, limit: number, options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('count_purgeable', purgeArgs(filter, limit), options)),

    purgeGenerations: async (filter: PurgeFilter, limit: number, options: CallOptions) =>
      purgedSchema.parse(await rpc('purge_generations', purgeArgs(filter, limit), options)),
  };
}

const retryArgs = (filter: RetryFilter, limit: number) => ({
  p_since: filter.since,
  p_until: filter.until,
  p_codes: filter.codes,
  p_model: filter.model,
  p_user_id: filter.userId,
  p_limit: limit,
});

const purgeArgs = (filter: PurgeFilter, limit: number) => ({
  p_lane_key: filter.laneKey,
  p_model: filter.model,
  p_created_before: filter.createdBefore,
  p_limit: limit,
});
