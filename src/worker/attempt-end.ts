import type { AttemptedGeneration, ErrorCode } from '../shared/generation.ts';
import type { ErrorClass } from './generation-error.ts';

/**
 * What became of an attempt: an image was made, or `adopted` from an earlier attempt; the row has `failed`, was given back
 * to be `retried` after a failure, `held` by a quota, `waited` for something of ours, `handed_back` at shutdown; was
 * `canceled`; or the claim was `lost`, and with it the right to say anything.
 */
export type AttemptOutcome =
  | 'succeeded'
  | 'adopted'
  | 'failed'
  | 'retried'
  | 'held'
  | 'waited'
  | 'handed_back'
  | 'canceled'
  | 'lost';

export type AttemptEnd = {
  outcome: AttemptOutcome;
  /** Why, where there was an error. */
  code?: ErrorCode;
  /** Milliseconds; of a row that succeeded. */
  timings?: AttemptedGeneration['timings'];
};

const LOST: AttemptEnd = { outcome: 'lost' };

/** The end of an attempt whose row went back; null: it was no longer this attempt's. */
export function returnedEnd(
  back: AttemptedGeneration | null,
  outcome: 'retried' | 'held' | 'waited' | 'handed_back',
  code?: ErrorCode,
): AttemptEnd {
  if (!back) return LOST;
  return { outcome: back.status === 'canceled' ? 'canceled' : outcome, ...(code && { code }) };
}

export function failedEnd(row: AttemptedGeneration | null, code: ErrorCode): AttemptEnd {
  return row ? { outcome: 'failed', code } : LOST;
}

export function succeededEnd(row: Pick<AttemptedGeneration, 'timings'> | null, adopted: boolean): AttemptEnd {
  return row ? { outcome: adopted ? 'adopted' : 'succeeded', timings: row.timings } : LOST;
}

/** What giving back means for an error that does not end the row. */
export function returnOf(errorClass: ErrorClass): 'retried' | 'held' | 'waited' {
  if (errorClass === 'quota') return 'held';
  return errorClass === 'wait' ? 'waited' : 'retried';
}
