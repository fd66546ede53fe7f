import { z } from 'zod';
import { type CallerScope, type Position, scopeArgs } from './caller-scope.ts';
import {
  type Generation,
  generationSchema,
  type NewGeneration,
  type Status,
  type Submitted,
  submittedSchema,
} from './generation.ts';
import { one } from './one-row.ts';
import { type Inserted, insertedSchema, toPendingGeneration } from './pending-generation.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const pageSchema = z.object({
  items: z.array(generationSchema),
  /** Where to go on; null at the end. */
  next: z.object({ created_at: z.string(), id: z.guid() }).nullable(),
  /** Null unless it was asked for. */
  total: z.int().nullable(),
  /** False when there are more than were counted. */
  total_complete: z.boolean().nullable(),
});
export type GenerationPage = z.infer<typeof pageSchema>;

const answersSchema = z.array(z.discriminatedUnion('outcome', [insertedSchema, submittedSchema]));

/** What history may be asked for; `search_generations` describes each. Null does not filter. */
export type GenerationFilter = {
  dataset_id?: string | null | undefined;
  statuses?: Status[] | null | undefined;
  batch_id?: string | null | undefined;
  root_id?: string | null | undefined;
  style?: string | null | undefined;
  model?: string | null | undefined;
  ids?: string[] | null | undefined;
  user_id?: string | null | undefined;
  created_after?: string | null | undefined;
  created_before?: string | null | undefined;
  metadata?: Record<string, string> | null | undefined;
  q?: string | null | undefined;
};
export type GenerationSearch = {
  filter?: GenerationFilter;
  limit: number;
  offset?: number;
  cursor?: Position | null;
  ascending?: boolean;
  includeTotal?: boolean;
};

/** Generated images as their callers see them; `store.ts` says how. */
export function createGenerationStore(rpc: Rpc) {
  return {
    submitGenerations: async (items: NewGeneration[], options: CallOptions): Promise<Submitted[]> => {
      const answers = answersSchema.parse(
        await rpc('submit_generations', { p_items: items, p_brief: true }, options),
      );
      const asked = new Map(items.map((item) => [item.id, item]));
      return answers.map((answer) => (answer.outcome === 'inserted' ? toCreated(asked, answer) : answer));
    },

    /** In the order of `asks`; null for one that its caller does not have. */
    getGenerations: async (
      asks: { id: string; scope: CallerScope }[],
      options: CallOptions,
    ): Promise<(Generation | null)[]> => {
      const items = asks.map(({ id, scope: { userId, admin = false } }) => ({ id, user_id: userId, admin }));
      return z
        .array(generationSchema.nullable())
        .parse(await rpc('get_generations', { p_asks: items }, options));
    },

    /** What an Idempotency-Key has made of the same request; null when it has made nothing, or of another. */
    findReplayedGeneration: (
      { scope, key, requestHash }: { scope: string; key: string; requestHash: string },
      options: CallOptions,
    ): Promise<Generation | null> =>
      one(
        generationSchema,
        rpc('find_replayed_generation', { p_scope: scope, p_key: key, p_request_hash: requestHash }, options),
      ),

    cancelGeneration: (id: string, caller: CallerScope, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('cancel_generation', { p_id: id, ...scopeArgs(caller) }, options)),

    /** The row as it is then, also when it was deleted before; its `deleted_at` is set. */
    deleteGeneration: (id: string, caller: CallerScope, options: CallOptions): Promise<Generation | null> =>
      one(generationSchema, rpc('delete_generation', { p_id: id, ...scopeArgs(caller) }, options)),

    searchGenerations: async (
      search: GenerationSearch,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<GenerationPage> =>
      pageSchema.parse(
        await rpc(
          'search_generations',
          {
            ...scopeArgs(caller),
            p_filter: search.filter ?? {},
            p_limit: search.limit,
            p_offset: search.offset ?? 0,
            p_cursor_created_at: search.cursor?.createdAt ?? null,
            p_cursor_id: search.cursor?.id ?? null,
            p_ascending: search.ascending ?? false,
            p_include_total: search.includeTotal ?? false,
          },
          options,
        ),
      ),
  };
}

/** An item that the database made a row of, and told only what it added to it. */
function toCreated(asked: Map<string, NewGeneration>, inserted: Inserted): Submitted {
  const item = asked.get(inserted.asked_id);
  if (!item) throw new Error(`submit_generations made ${inserted.asked_id}, which nobody asked for`);
  return { ...toPendingGeneration(item, inserted), asked_id: item.id, outcome: 'created' };
}
