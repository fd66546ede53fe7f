import type { Generation } from '../shared/generation.ts';
import type { Store } from '../shared/store.ts';
import { keyIsGone, UNKNOWN_DATASET } from './accept-generation.ts';
import { ApiError } from './api-error.ts';
import type { KeyFields } from './idempotency.ts';
import type { Plan } from './plan-generation.ts';
import { NO_WEBHOOK_SECRET } from './webhook-url.ts';

const READ = { repeatForMs: 2_000 };

/**
 * The plan, or the image that the request's Idempotency-Key has made of it before: that is the answer also when the
 * dataset which it names has gone since, or is no longer the caller's, or the secret that would sign its webhook has.
 *
 * @throws ApiError the plan's refusal when the key has made nothing of this request; gone when that was deleted
 */
export type PlanOrReplay = (
  plan: Promise<Plan>,
  key: () => KeyFields,
) => Promise<{ plan: Plan } | { made: Generation }>;

export function createPlanOrReplay(deps: { store: Pick<Store, 'findReplayedGeneration'> }): PlanOrReplay {
  const findMade = async (fields: KeyFields): Promise<Generation | null> => {
    const { idempotency_scope: scope, idempotency_key: key, request_hash: hash } = fields;
    if (scope === undefined || key === undefined || hash === undefined) return null;
    return deps.store.findReplayedGeneration({ scope, key, requestHash: hash }, READ);
  };

  return async (plan, key) => {
    try {
      return { plan: await plan };
    } catch (refusal) {
      const made = isOfWhatWent(refusal) ? await findMade(key()) : null;
      if (!made) throw refusal;
      if (made.deleted_at !== null) throw keyIsGone();
      return { made };
    }
  };
}

/** All else of the request is valid, so that it can be hashed. */
function isOfWhatWent(refusal: unknown): boolean {
  return (
    refusal instanceof ApiError &&
    refusal.errors.length > 0 &&
    refusal.errors.every((one) => one === UNKNOWN_DATASET || one === NO_WEBHOOK_SECRET)
  );
}
