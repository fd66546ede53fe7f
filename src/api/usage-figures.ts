import type { UsageSums } from '../shared/usage-store.ts';
import type { UsageFigures } from './usage-schemas.ts';

const NOTHING: UsageSums = {
  accepted: 0,
  succeeded: 0,
  failed: 0,
  canceled: 0,
  expired: 0,
  removed: 0,
  deleted: 0,
  regenerations: 0,
  calls: 0,
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  estimated_cost_usd: 0,
  cost_usd: 0,
  priced_estimate_usd: 0,
  unpriced: 0,
  queue_p50: null,
  queue_p95: null,
  total_p50: null,
  total_p95: null,
};

/** Counters as clients see them. Null: nothing was counted. */
export function toUsageFigures(counted: UsageSums | null): UsageFigures {
  const sums = counted ?? NOTHING;
  const { accepted, succeeded, failed, canceled, expired, removed } = sums;
  const judged = succeeded + failed + expired;
  return {
    accepted,
    succeeded,
    failed,
    canceled,
    expired,
    open: accepted - succeeded - failed - canceled - expired - removed,
    removed,
    deleted: sums.deleted,
    images: succeeded,
    regenerations: sums.regenerations,
    success_rate: judged > 0 ? Math.round((succeeded / judged) * 1e4) / 1e4 : null,
    calls: sums.calls,
    input_tokens: sums.input_tokens,
    output_tokens: sums.output_tokens,
    total_tokens: sums.total_tokens,
    estimated_cost_usd: sums.estimated_cost_usd,
    cost_usd: sums.cost_usd,
    cost_difference_usd: Math.round((sums.cost_usd - sums.priced_estimate_usd) * 1e9) / 1e9,
    unpriced_images: sums.unpriced,
    queue_ms_p50: toMilliseconds(sums.queue_p50),
    queue_ms_p95: toMilliseconds(sums.queue_p95),
    total_ms_p50: toMilliseconds(sums.total_p50),
    total_ms_p95: toMilliseconds(sums.total_p95),
  };
}

/** The middle of a class of times (`usage_bucket`), at most 9.6 % off what was counted in it. */
function toMilliseconds(bucket: number | null): number | null {
  return bucket === null ? null : Math.round(1.2 ** (bucket + 0.5));
}
