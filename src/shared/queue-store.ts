import { z } from 'zod';
import type { Claim } from './attempt-store.ts';
import type { Job } from './generation.ts';
import { type QueueGauges, queueGaugesSchema } from './queue-gauges.ts';
import { type QueueSnapshot, queueSnapshotSchema } from './queue-place.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const jobsSchema = z.array(z.object({ id: z.guid(), epoch: z.int() }));
const releaseSchema = z.object({
  contended: z.boolean(),
  jobs: jobsSchema,
  /** The rate holds rows back for so long, and it is this caller who is to come back. */
  again_in_ms: z.number().optional(),
});
const beatSchema = z.object({
  lease_ms: z.number(),
  stop: z.array(z.object({ id: z.guid(), claim_id: z.guid(), reason: z.enum(['lost', 'cancel_requested']) })),
});

const laneLoadSchema = z.object({ waiting: z.int(), released: z.int(), processing: z.int() });
export type LaneLoad = z.infer<typeof laneLoadSchema>;

export type BeatAnswer = z.infer<typeof beatSchema>;

/** The queue as a whole: release, liveness, and what reconcile does; `store.ts` says how. */
export function createQueueStore(rpc: Rpc) {
  return {
    /** `ahead`: how many rows more than there are slots are worth having out, for each worker. */
    releaseGenerations: async (ahead: number, options: CallOptions) =>
      releaseSchema.parse(await rpc('release_generations', { p_ahead: ahead }, options)),

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

    hasStuckRelease: async (olderThanMs: number, options: CallOptions): Promise<boolean> =>
      z
        .boolean()
        .parse(await rpc('has_stuck_release', { p_older_than_ms: Math.round(olderThanMs) }, options)),

    pruneQueueTables: async (options: CallOptions): Promise<void> => {
      await rpc('prune_queue_tables', {}, options);
    },

    countLaneWaiting: async (laneKey: string, options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('count_lane_waiting', { p_lane_key: laneKey }, options)),

    getLaneLoad: async (laneKey: string, options: CallOptions): Promise<LaneLoad> =>
      laneLoadSchema.parse(await rpc('get_lane_load', { p_lane_key: laneKey }, options)),

    getQueueSnapshot: async (options: CallOptions): Promise<QueueSnapshot> =>
      queueSnapshotSchema.parse(await rpc('get_queue_snapshot', {}, options)),

    getQueueGauges: async (options: CallOptions): Promise<QueueGauges> =>
      queueGaugesSchema.parse(await rpc('get_queue_gauges', {}, options)),
  };
}
