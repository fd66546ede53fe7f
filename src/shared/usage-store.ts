import { z } from 'zod';
import { type CallerScope, scopeArgs } from './caller-scope.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const count = z.int();
const usageBucket = z.int().nullable();
const sumsSchema = z.object({
  accepted: count,
  succeeded: count,
  failed: count,
  canceled: count,
  expired: count,
  removed: count,
  deleted: count,
  regenerations: count,
  calls: count,
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  estimated_cost_usd: z.number(),
  cost_usd: z.number(),
  priced_estimate_usd: z.number(),
  unpriced: count,
  queue_p50: usageBucket,
  queue_p95: usageBucket,
  total_p50: usageBucket,
  total_p95: usageBucket,
});
/** What `read_usage` adds up; `migrations/0061` says what each is. */
export type UsageSums = z.infer<typeof sumsSchema>;

const groupSchema = z.object({
  ...sumsSchema.shape,
  day: z.string().optional(),
  user_id: z.guid().nullish(),
  dataset_id: z.guid().nullish(),
  style: z.string().nullish(),
  aspect_ratio: z.string().nullish(),
  quality: z.string().nullish(),
  model: z.string().nullish(),
  status: z.string().optional(),
});
export type UsageGroup = z.infer<typeof groupSchema>;

const usageSchema = z.object({
  /** Null when nothing was counted. */
  total: sumsSchema.nullable(),
  groups: z.array(groupSchema),
  is_complete: z.boolean(),
});
export type FoundUsage = z.infer<typeof usageSchema>;

/** How usage is put together; the names are those of `read_usage`. */
export const USAGE_KEYS = {
  day: 'day',
  user: 'user_id',
  dataset: 'dataset_id',
  style: 'style',
  aspect_ratio: 'aspect_ratio',
  quality: 'quality',
  model: 'model',
  status: 'status',
} as const;
export type UsageKey = keyof typeof USAGE_KEYS;

/** Which usage: of the UTC days from one to another, both with. Null does not filter. */
export type UsageQuestion = {
  from: string;
  to: string;
  groupBy: UsageKey[];
  filter: Partial<
    Record<
      'user_id' | 'dataset_id' | 'style' | 'aspect_ratio' | 'quality' | 'model',
      string | null | undefined
    >
  >;
};

const promptSchema = z.object({
  prompt: z.string(),
  uses: count,
  images: count,
  cost_usd: z.number(),
  last_used_at: z.string(),
});
export type CountedPrompt = z.infer<typeof promptSchema>;

/** What is counted; `store.ts` says how. */
export function createUsageStore(rpc: Rpc) {
  return {
    foldUsage: async (limit: number, options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('fold_usage', { p_limit: limit }, options)),

    foldPrompts: async (options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('fold_prompts', {}, options)),

    /** @param ofUserId for an admin, whose; null everybody's */
    readPrompts: async (
      { limit, ofUserId }: { limit: number; ofUserId: string | null },
      caller: CallerScope,
      options: CallOptions,
    ): Promise<CountedPrompt[]> =>
      z
        .array(promptSchema)
        .parse(
          await rpc(
            'read_prompts',
            { ...scopeArgs(caller), p_limit: limit, p_of_user_id: ofUserId },
            options,
          ),
        ),

    readUsage: async (
      { from, to, groupBy, filter }: UsageQuestion,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<FoundUsage> =>
      usageSchema.parse(
        await rpc(
          'read_usage',
          { ...scopeArgs(caller), p_from: from, p_to: to, p_group_by: groupBy, p_filter: filter },
          options,
        ),
      ),
  };
}
