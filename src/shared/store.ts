import { z } from 'zod';
import {
  type ClaimedGeneration,
  type CompletedImage,
  claimedGenerationSchema,
  type Generation,
  type GenerationErrorBody,
  generationSchema,
  type Job,
  type NewGeneration,
  type ReferenceImage,
  STATUSES,
  type Status,
  type Submitted,
  submittedSchema,
  type Usage,
} from './generation.ts';
import { type QueueSnapshot, queueSnapshotSchema } from './queue-place.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const jobsSchema = z.array(z.object({ id: z.guid(), epoch: z.int() }));
const releaseSchema = z.object({ contended: z.boolean(), jobs: jobsSchema });
const beatSchema = z.object({
  lease_ms: z.number(),
  stop: z.array(z.object({ id: z.guid(), claim_id: z.guid(), reason: z.enum(['lost', 'cancel_requested']) })),
});
const datasetContextSchema = z.object({
  id: z.guid(),
  brand: z.string().nullable(),
  vibe: z.string().nullable(),
  unique_visual_elements: z.unknown(),
  reference_images: z.array(z.object({ bucket: z.string(), path: z.string() })),
});
const endSchema = z.object({ status: z.enum(STATUSES), storage_path: z.string().nullable() });
const cleanupSchema = z.array(z.object({ folder: z.string(), keep: z.string().nullable() }));

export type Claim = { id: string; claimId: string };
export type BeatAnswer = z.infer<typeof beatSchema>;
export type DatasetContext = z.infer<typeof datasetContextSchema> & { reference_images: ReferenceImage[] };
export type CallReport = { billed: boolean; usage?: Usage | null; costUsd?: number | null };

/**
 * The database as the processes see it: one method for each SQL function of `migrations/`, where each is described.
 * Null means that the function answered no row. Throws RpcError.
 */
export function createStore(rpc: Rpc) {
  const one = async <T>(schema: z.ZodType<T>, rows: Promise<unknown>): Promise<T | null> =>
    z.array(schema).parse(await rows)[0] ?? null;

  return {
    submitGenerations: async (items: NewGeneration[], options: CallOptions): Promise<Submitted[]> =>
      z.array(submittedSchema).parse(await rpc('submit_generations', { p_items: items }, options)),

    releaseGenerations: async (options: CallOptions) =>
      releaseSchema.parse(await rpc('release_generations', {}, options)),

    claimGeneration: (
      claim: Claim,
      workerId: string,
      options: CallOptions,
    ): Promise<ClaimedGeneration | null> =>
      one(
        claimedGenerationSchema,
        rpc(
          'claim_generation',
          { p_id: claim.id, p_worker_id: workerId, p_claim_id: claim.claimId },
          options,
        ),
      ),

    completeGeneration: (
      claim: Claim,
      image: CompletedImage,
      options: CallOptions,
    ): Promise<Generation | null> =>
      one(
        generationSchema,
        rpc('complete_generation', { p_id: claim.id, p_claim_id: claim.claimId, p_image: image }, options),
      ),

    getGenerationEnd: (id: string, options: CallOptions) =>
      one(endSchema, rpc('get_generation_end', { p_id: id }, options)),

    failGeneration: (
      claim: Claim,
      error: GenerationErrorBody,
      report: CallReport,
      options: CallOptions,
    ): Promise<Generation | null> =>
      one(
        generationSchema,
        rpc('fail_generation', { ...claimArgs(claim), p_error: error, ...reportArgs(report) }, options),
      ),

    returnGeneration: (
      claim: Claim,
      back: CallReport & { failure: boolean; delayMs: number; error?: GenerationErrorBody },
      options: CallOptions,
    ): Promise<Generation | null> =>
      one(
        generationSchema,
        rpc(
          'return_generation',
          {
            ...claimArgs(claim),
            p_failure: back.failure,
            p_delay_ms: Math.round(back.delayMs),
            p_error: back.error ?? null,
            ...reportArgs(back),
          },
          options,
        ),
      ),

    holdCalls: async (
      scope: string,
      seconds: number,
      reason: string,
      options: CallOptions,
    ): Promise<void> => {
      await rpc('hold_calls', { p_scope: scope, p_seconds: seconds, p_reason: reason }, options);
    },

    beatWorker: async (
      worker: { id: string; host: string; concurrency: number; held: Claim[] },
      options: CallOptions,
    ): Promise<BeatAnswer> =>
      beatSchema.parse(
        await rpc(
          'beat_worker',
          {
            p_worker_id: worker.id,
            p_host: worker.host,
            p_concurrency: worker.concurrency,
            p_held: worker.held.map(({ id, claimId }) => ({ id, claim_id: claimId })),
          },
          options,
        ),
      ),

    removeWorker: async (workerId: string, options: CallOptions): Promise<void> => {
      await rpc('remove_worker', { p_worker_id: workerId }, options);
    },

    listLostJobs: async (workerId: string, options: CallOptions): Promise<Job[]> =>
      jobsSchema.parse(await rpc('list_lost_jobs', { p_worker_id: workerId }, options)),

    expireGenerations: async (options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('expire_generations', {}, options)),

    listStorageCleanup: async (options: CallOptions) =>
      cleanupSchema.parse(await rpc('list_storage_cleanup', {}, options)),

    finishStorageCleanup: async (folders: string[], options: CallOptions): Promise<void> => {
      await rpc('finish_storage_cleanup', { p_folders: folders }, options);
    },

    hasStuckRelease: async (olderThanMs: number, options: CallOptions): Promise<boolean> =>
      z
        .boolean()
        .parse(await rpc('has_stuck_release', { p_older_than_ms: Math.round(olderThanMs) }, options)),

    pruneQueueTables: async (options: CallOptions): Promise<void> => {
      await rpc('prune_queue_tables', {}, options);
    },

    getGeneration: (id: string, userId: string | null, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('get_generation', { p_id: id, p_user_id: userId }, options)),

    cancelGeneration: (id: string, userId: string | null, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('cancel_generation', { p_id: id, p_user_id: userId }, options)),

    listGenerations: async (
      query: {
        userId: string | null;
        limit: number;
        offset: number;
        datasetId: string | null;
        statuses: Status[] | null;
        before: { createdAt: string; id: string } | null;
      },
      options: CallOptions,
    ): Promise<Generation[]> =>
      z.array(generationSchema).parse(
        await rpc(
          'list_generations',
          {
            p_user_id: query.userId,
            p_limit: query.limit,
            p_offset: query.offset,
            p_dataset_id: query.datasetId,
            p_statuses: query.statuses,
            p_before_created_at: query.before?.createdAt ?? null,
            p_before_id: query.before?.id ?? null,
          },
          options,
        ),
      ),

    getQueueSnapshot: async (options: CallOptions): Promise<QueueSnapshot> =>
      queueSnapshotSchema.parse(await rpc('get_queue_snapshot', {}, options)),

    getDatasetContext: (
      id: string,
      userId: string | null,
      options: CallOptions,
    ): Promise<DatasetContext | null> =>
      one(datasetContextSchema, rpc('get_dataset_context', { p_dataset_id: id, p_user_id: userId }, options)),

    listMissingFunctions: async (names: string[], options: CallOptions): Promise<string[]> =>
      z.array(z.string()).parse(await rpc('list_missing_functions', { p_names: names }, options)),
  };
}

export type Store = ReturnType<typeof createStore>;

const claimArgs = ({ id, claimId }: Claim) => ({ p_id: id, p_claim_id: claimId });

const reportArgs = ({ billed, usage, costUsd }: CallReport) => ({
  p_billed: billed,
  p_usage: usage ?? null,
  p_cost_usd: costUsd ?? null,
});
