import { z } from 'zod';
import {
  type ClaimedGeneration,
  type CompletedImage,
  claimedGenerationSchema,
  type Generation,
  type GenerationErrorBody,
  generationSchema,
  STATUSES,
  type Usage,
} from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const endSchema = z.object({ status: z.enum(STATUSES), storage_path: z.string().nullable() });

export type Claim = { id: string; claimId: string };
export type CallReport = { billed: boolean; usage?: Usage | null; costUsd?: number | null };

/** What a worker asks and reports about the image that it is at; `store.ts` says how. */
export function createAttemptStore(rpc: Rpc) {
  return {
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
  };
}

const claimArgs = ({ id, claimId }: Claim) => ({ p_id: id, p_claim_id: claimId });

const reportArgs = ({ billed, usage, costUsd }: CallReport) => ({
  p_billed: billed,
  p_usage: usage ?? null,
  p_cost_usd: costUsd ?? null,
});
