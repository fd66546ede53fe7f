import type { Claim } from '../shared/attempt-store.ts';
import { gatherCalls } from '../shared/gather-calls.ts';
import type { AttemptedGeneration, ClaimedGeneration, CompletedImage } from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import { type CallOptions, RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import type { Tracing } from '../shared/tracing.ts';

const MOST_ITEMS = 64;
/** Nothing to an image that takes seconds. */
const PACE_MS = 16;

export type GatheredCalls = {
  /** As Store's; `options` are those of a call for it alone. */
  claimGeneration(claim: Claim, options: CallOptions): Promise<ClaimedGeneration | null>;
  completeGeneration(
    claim: Claim,
    image: CompletedImage,
    options: CallOptions,
  ): Promise<Pick<AttemptedGeneration, 'timings'> | null>;
};

type AskedClaim = { claim: Claim; options: CallOptions };
type MadeImage = { claim: Claim; image: CompletedImage };

/**
 * Claims and completions of jobs that begin or end at about the same time share one call, which is tried once. Whatever
 * it does not settle, for that row or for all, is asked for that row alone, repeated as long as it may be: both are safe
 * to repeat, so it does not matter what has become of the first.
 */
export function gatherAttemptCalls({
  store,
  workerId,
  tracing,
  log,
}: {
  store: Pick<Store, 'claimGeneration' | 'claimGenerations' | 'completeGeneration' | 'completeGenerations'>;
  workerId: string;
  tracing: Pick<Tracing, 'here' | 'onBehalfOf'>;
  log: Logger;
}): GatheredCalls {
  const claimTogether = gatherCalls({
    mostItems: MOST_ITEMS,
    paceMs: PACE_MS,
    mostAtOnce: 1,
    tracing,
    call: async (asked: AskedClaim[]) => {
      const claims = asked.map(({ claim }) => claim);
      // Of the time that a claim may take, so much that there is some left for asking alone.
      const timeoutMs = Math.min(...asked.map(({ options }) => options.repeatForMs)) / 3;
      const { claimed } = await store.claimGenerations(claims, workerId, { repeatForMs: 0, timeoutMs });
      return claims.map(({ claimId }) => claimed.find((row) => row.claim_id === claimId) ?? null);
    },
  });
  const completeTogether = gatherCalls({
    mostItems: MOST_ITEMS,
    paceMs: PACE_MS,
    mostAtOnce: 1,
    tracing,
    call: async (images: MadeImage[]) => {
      const { completed } = await store.completeGenerations(images, { repeatForMs: 0 });
      return images.map(({ claim }) => completed.find((row) => row.claim_id === claim.claimId) ?? null);
    },
  });

  /** Refused for a neighbour, unreadable for one, or not heard of: the call for one finds out. */
  const leaveOpen = (error: unknown): null => {
    if (!(error instanceof RpcError)) log.error({ err: error }, 'gathered_call.failed');
    return null;
  };

  return {
    async claimGeneration(claim, options) {
      const from = performance.now();
      const row = await claimTogether({ claim, options }).catch(leaveOpen);
      if (row) return row;
      const repeatForMs = Math.max(0, options.repeatForMs - (performance.now() - from));
      return store.claimGeneration(claim, workerId, { ...options, repeatForMs });
    },
    async completeGeneration(claim, image, options) {
      const row = await completeTogether({ claim, image }).catch(leaveOpen);
      return row ?? store.completeGeneration(claim, image, options);
    },
  };
}
