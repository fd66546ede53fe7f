import { z } from 'zod';
import type { CallOptions, Rpc } from './rpc.ts';

/** What is counted; `store.ts` says how. */
export function createUsageStore(rpc: Rpc) {
  return {
    foldUsage: async (limit: number, options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('fold_usage', { p_limit: limit }, options)),
  };
}
