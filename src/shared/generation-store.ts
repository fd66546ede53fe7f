import { z } from 'zod';
import { type CallerScope, scopeArgs } from './caller-scope.ts';
import {
  type Generation,
  generationSchema,
  type NewGeneration,
  type Status,
  type Submitted,
  submittedSchema,
} from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

/** Generated images as their callers see them; `store.ts` says how. */
export function createGenerationStore(rpc: Rpc) {
  return {
    submitGenerations: async (items: NewGeneration[], options: CallOptions): Promise<Submitted[]> =>
      z.array(submittedSchema).parse(await rpc('submit_generations', { p_items: items }, options)),

    getGeneration: (id: string, caller: CallerScope, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('get_generation', { p_id: id, p_user_id: caller.userId }, options)),

    cancelGeneration: (id: string, caller: CallerScope, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('cancel_generation', { p_id: id, ...scopeArgs(caller) }, options)),

    /** The row as it is then, also when it was deleted before; its `deleted_at` is set. */
    deleteGeneration: (id: string, caller: CallerScope, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('delete_generation', { p_id: id, ...scopeArgs(caller) }, options)),

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
  };
}
