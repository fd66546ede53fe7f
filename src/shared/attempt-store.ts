import { z } from 'zod';
import {
  type AttemptedGeneration,
  attemptedGenerationSchema,
  type ClaimedGeneration,
  type CompletedImage,
  claimedGenerationSchema,
  type GenerationErrorBody,
  STATUSES,
  type Usage,
} from './generation.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

/** By claim: the rows that came to what they should, and the others, which are to be asked about one by one. */
const claimedTogetherSchema = z.object({
  claimed: z.array(claimedGenerationSchema.extend({ claim_id: z.guid() })),
  rest: z.array(z.guid()),
});
const completedTogetherSchema = z.object({
  completed: z.array(attemptedGenerationSchema.pick({ timings: true }).extend({ claim_id: z.guid() })),
  rest: z.array(z.guid()),
});

const bothTogetherSchema = z.object({ completed: completedTogetherSchema, claimed: claimedTogetherSchema });

const endSchema = z.object({ status: z.enum(STATUSES), storage_path: z.string().nullable() });

export type Claim = { id: string; claimId: string };
export type MadeImage = { claim: Claim; image: CompletedImage };
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

    claimGenerations: async (claims: Claim[], workerId: string, options: CallOptions) =>
      claimedTogetherSchema.parse(
        await rpc('claim_generations', { p_worker_id: workerId, ...claimsArg(claims) }, options),
      ),

    completeGenerations: async (images: MadeImage[], options: CallOptions) =>
      completedTogetherSchema.parse(await rpc('complete_generations', imagesArg(images), options)),

    completeAndClaimGenerations: async (
      images: MadeImage[],
      claims: Claim[],
      workerId: string,
      options: CallOptions,
    ) =>
      bothTogetherSchema.parse(
        await rpc(
          'complete_and_claim_generations',
          { p_worker_id: workerId, ...imagesArg(images), ...claimsArg(claims) },
          options,
        ),
      ),

    completeGeneration: (
      claim: Claim,
      image: CompletedImage,
      options: CallOptions,
    ): Promise<AttemptedGeneration | null> =>
      one(
        attemptedGenerationSchema,
        rpc('complete_generation', { p_id: claim.id, p_claim_id: claim.claimId, p_image: image }, options),
      ),

    getGenerationEnd: (id: string, options: CallOptions) =>
      one(endSchema, rpc('get_generation_end', { p_id: id }, options)),

    failGeneration: (
      claim: Claim,
      error: GenerationErrorBody,
      report: CallReport,
      options: CallOptions,
    ): Promise<AttemptedGeneration | null> =>
      one(
        attemptedGenerationSchema,
        rpc('fail_generation', { ...claimArgs(claim), p_error: error, ...reportArgs(report) }, options),
      ),

    returnGeneration: (
      claim: Claim,
      back: CallReport & { failure: boolean; delayMs: number; error?: GenerationErrorBody },
      options: CallOptions,
    ): Promise<AttemptedGeneration | null> =>
      one(
        attemptedGenerationSchema,
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

const claimsArg = (claims: Claim[]) => ({
  p_claims: claims.map(({ id, claimId }) => ({ id, claim_id: claimId })),
});

const imagesArg = (images: MadeImage[]) => ({
  p_images: images.map(({ claim, image }) => ({ id: claim.id, claim_id: claim.claimId, image })),
});

const reportArgs = ({ billed, usage, costUsd }: CallReport) => ({
  p_billed: billed,
  p_usage: usage ?? null,
  p_cost_usd: costUsd ?? null,
});
