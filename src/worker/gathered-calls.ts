import type { Claim, MadeImage } from '../shared/attempt-store.ts';
import { gatherCalls } from '../shared/gather-calls.ts';
import type { AttemptedGeneration, ClaimedGeneration, CompletedImage } from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import { type CallOptions, RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import type { Tracing } from '../shared/tracing.ts';

const MOST_ITEMS = 64;
/** Nothing to an image that takes seconds. */
const PACE_MS = 8;

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
type Asked = AskedClaim | MadeImage;

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
  store: Pick<
    Store,
    | 'claimGeneration'
    | 'claimGenerations'
    | 'completeGeneration'
    | 'completeGenerations'
    | 'completeAndClaimGenerations'
  >;
  workerId: string;
  tracing: Pick<Tracing, 'here' | 'onBehalfOf'>;
  log: Logger;
}): GatheredCalls {
  const claimAll = async (asked: AskedClaim[]) =>
    (await store.claimGenerations(asked.map(claimOf), workerId, triedOnce(asked))).claimed;

  const completeAll = async (images: MadeImage[]) =>
    (await store.completeGenerations(images, triedOnce([]))).completed;

  const doBoth = async (images: MadeImage[], asked: AskedClaim[]) => {
    const options = triedOnce(asked);
    const both = await store.completeAndClaimGenerations(images, asked.map(claimOf), workerId, options);
    return { completed: both.completed.completed, claimed: both.claimed.claimed };
  };

  /** The rows that a call settles. */
  const settle = async (images: MadeImage[], asked: AskedClaim[]) => {
    if (images.length === 0) return { completed: [], claimed: await claimAll(asked) };
    if (asked.length === 0) return { completed: await completeAll(images), claimed: [] };
    return doBoth(images, asked);
  };

  const settleTogether = gatherCalls({
    mostItems: MOST_ITEMS,
    paceMs: PACE_MS,
    mostAtOnce: 2,
    tracing,
    call: async (asked: Asked[]) => {
      const { completed, claimed } = await settle(
        asked.filter((one) => 'image' in one),
        asked.filter((one) => 'options' in one),
      );
      return asked.map(({ claim: { claimId } }) => ({
        completed: completed.find((row) => row.claim_id === claimId) ?? null,
        claimed: claimed.find((row) => row.claim_id === claimId) ?? null,
      }));
    },
  });

  /** Refused for a neighbour, unreadable for one, or not heard of: the call for one finds out. */
  const leaveOpen = (error: unknown) => {
    if (!(error instanceof RpcError)) log.error({ err: error }, 'gathered_call.failed');
    return { completed: null, claimed: null };
  };

  return {
    async claimGeneration(claim, options) {
      const from = performance.now();
      const { claimed } = await settleTogether({ claim, options }).catch(leaveOpen);
      if (claimed) return claimed;
      const repeatForMs = Math.max(0, options.repeatForMs - (performance.now() - from));
      return store.claimGeneration(claim, workerId, { ...options, repeatForMs });
    },
    async completeGeneration(claim, image, options) {
      const { completed } = await settleTogether({ claim, image }).catch(leaveOpen);
      return completed ?? store.completeGeneration(claim, image, options);
    },
  };
}

const claimOf = ({ claim }: AskedClaim): Claim => claim;

/** Of the time that a claim may take, so much that there is some left for asking alone. */
function triedOnce(asked: AskedClaim[]): CallOptions {
  if (asked.length === 0) return { repeatForMs: 0 };
  return { repeatForMs: 0, timeoutMs: Math.min(...asked.map(({ options }) => options.repeatForMs)) / 3 };
}
