import { z } from 'zod';
import { type CallerScope, type Position, scopeArgs } from './caller-scope.ts';
import type { NewGeneration } from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const countsSchema = z.object({
  pending: z.int(),
  processing: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  canceled: z.int(),
  expired: z.int(),
  cost_usd: z.number(),
});

/** A sealed batch as `batch_with_counts` answers it. */
export const batchSchema = z.object({
  id: z.guid(),
  user_id: z.guid().nullable(),
  lane_key: z.string(),
  name: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  parent_id: z.guid().nullable(),
  total: z.int(),
  estimated_cost_usd: z.number(),
  created_at: z.string(),
  canceled_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  counts: countsSchema,
  /** The kind of an image that has not ended, and where the batch stands: `migrations/0069`. */
  next: z
    .object({ model: z.string(), resolution: z.string().nullable(), released: z.int(), ahead: z.int() })
    .nullable(),
});
export type Batch = z.infer<typeof batchSchema>;

export type NewBatch = {
  id: string;
  user_id: string | null;
  lane_key: string;
  name: string | null;
  metadata: Record<string, string>;
  parent_id: string | null;
  /** Where its end is told; of a retry that has none, where its parent's was. */
  webhook_url?: string | null;
  idempotency_scope?: string | undefined;
  idempotency_key?: string | undefined;
  request_hash?: string | undefined;
};
export type NewBatchImage = NewGeneration & { custom_id: string | null };

const sealedSchema = z.union([
  z.object({ outcome: z.enum(['sealed', 'replayed', 'key_reused']), id: z.guid() }),
  z.object({ outcome: z.enum(['queue_full', 'incomplete', 'gone']) }),
]);
export type Sealed = z.infer<typeof sealedSchema>;

/** Batches; `store.ts` says how. */
export function createBatchStore(rpc: Rpc) {
  return {
    openBatch: async (batch: NewBatch, options: CallOptions): Promise<void> => {
      await rpc('open_batch', { p_batch: batch }, options);
    },

    /** False: there is no such batch that is open. @throws RpcError 23503, 23505; nothing was written */
    addBatchImages: async (id: string, items: NewBatchImage[], options: CallOptions): Promise<boolean> =>
      z.boolean().parse(await rpc('add_batch_images', { p_batch_id: id, p_items: items }, options)),

    copyFailedImages: async (id: string, fromId: string, after: string | null, options: CallOptions) =>
      z
        .object({ copied: z.int(), last: z.guid().nullable() })
        .parse(
          await rpc(
            'copy_failed_images',
            { p_batch_id: id, p_from_batch_id: fromId, p_after: after, p_limit: 1_000 },
            options,
          ),
        ),

    sealBatch: async (
      id: string,
      total: number,
      hash: string | null,
      options: CallOptions,
    ): Promise<Sealed> =>
      sealedSchema.parse(
        await rpc('seal_batch', { p_batch_id: id, p_total: total, p_request_hash: hash }, options),
      ),

    /** How many were let in; 0: all are. */
    admitBatchImages: async (id: string, options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('admit_batch_images', { p_batch_id: id }, options)),

    getBatch: (id: string, caller: CallerScope, options: CallOptions): Promise<Batch | null> =>
      one(batchSchema, rpc('get_batch', { p_id: id, ...scopeArgs(caller) }, options)),

    listBatches: async (
      caller: CallerScope,
      page: { limit: number; before: Position | null },
      options: CallOptions,
    ): Promise<Batch[]> =>
      z.array(batchSchema).parse(
        await rpc(
          'list_batches',
          {
            ...scopeArgs(caller),
            p_limit: page.limit,
            p_cursor_created_at: page.before?.createdAt ?? null,
            p_cursor_id: page.before?.id ?? null,
          },
          options,
        ),
      ),

    cancelBatch: (id: string, caller: CallerScope, options: CallOptions): Promise<Batch | null> =>
      one(batchSchema, rpc('cancel_batch', { p_id: id, ...scopeArgs(caller) }, options)),

    cancelBatchImages: async (id: string, options: CallOptions) =>
      z
        .object({ canceled: z.array(z.guid()), stopping: z.array(z.guid()), more: z.boolean() })
        .parse(await rpc('cancel_batch_images', { p_batch_id: id }, options)),

    advanceBatches: async (options: CallOptions) =>
      z
        .object({ admit: z.array(z.guid()), cancel: z.array(z.guid()) })
        .parse(await rpc('advance_batches', {}, options)),

    /** True: there is more to discard. */
    discardBatch: async (id: string, options: CallOptions): Promise<boolean> =>
      z.boolean().parse(await rpc('discard_batch', { p_batch_id: id }, options)),

    /** True: there is more to drop. */
    dropUnsealedBatches: async (options: CallOptions): Promise<boolean> =>
      z.boolean().parse(await rpc('drop_unsealed_batches', {}, options)),
  };
}
