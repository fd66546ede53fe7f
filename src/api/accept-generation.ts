import type { Generation, NewGeneration } from '../shared/generation.ts';
import { RpcError } from '../shared/rpc.ts';
import { ApiError, type FieldError, unauthorized } from './api-error.ts';
import { IMAGES_PATH } from './record.ts';
import type { Submit } from './submitter.ts';
import { validationFailed } from './validation.ts';

export const UNKNOWN_DATASET = {
  pointer: '/dataset_id',
  code: 'unknown',
  detail: 'There is no such dataset.',
} satisfies FieldError;

const QUEUE_FULL =
  'The policy "pending" is exhausted: as many of your images are waiting as may. Nothing was accepted.';
/** By then workers have taken some of what waits. */
const QUEUE_FULL_RETRY_S = 30;

/**
 * Submits one image: its pending row, or the row that its idempotency key has made before.
 *
 * @throws ApiError that says whether something was accepted
 */
export async function acceptGeneration(submit: Submit, item: NewGeneration): Promise<Generation> {
  const submitted = await submit(item).catch((error: unknown) => {
    throw explainRefusal(error, item);
  });
  switch (submitted.outcome) {
    case 'gone':
      throw keyIsGone();
    case 'queue_full':
      throw new ApiError('queue_full', QUEUE_FULL, { retryAfterSeconds: QUEUE_FULL_RETRY_S });
    case 'key_reused':
      throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for another request.');
    default:
      return submitted;
  }
}

export const keyIsGone = () => new ApiError('gone', 'The image that this Idempotency-Key made was deleted.');

/** The dataset or the user may have gone since it was looked up; the foreign key is what knows. */
function explainRefusal(error: unknown, item: NewGeneration): unknown {
  if (!(error instanceof RpcError)) return error;
  const address = `${IMAGES_PATH}/${item.id}`;
  if (error.unclear) {
    return new ApiError(
      'temporarily_unavailable',
      `The image may have been accepted as ${item.id}. Look there before sending it again.`,
      { instance: address, headers: { Location: address }, retryAfterSeconds: 5, cause: error },
    );
  }
  if (error.code === '55P03' && item.idempotency_key !== undefined) {
    return new ApiError('idempotency_in_progress', 'A request with this Idempotency-Key is being accepted.', {
      retryAfterSeconds: 1,
    });
  }
  if (error.code === '23503' && error.details.includes('(dataset_id)')) {
    return validationFailed([UNKNOWN_DATASET]);
  }
  if (error.code === '23503' && error.details.includes('(user_id)')) {
    return unauthorized('The user of this token is gone.', error);
  }
  return error;
}
