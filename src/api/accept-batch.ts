import type { BatchSteps } from '../shared/batch-steps.ts';
import type { NewBatch, NewBatchImage } from '../shared/batch-store.ts';
import type { Logger } from '../shared/logger.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import { UNKNOWN_DATASET } from './accept-generation.ts';
import { ApiError, unauthorized } from './api-error.ts';
import { BATCHES_PATH } from './batch-record.ts';
import { validationFailed } from './validation.ts';

const WRITE = { repeatForMs: 5_000 };
const IN_PEACE = { repeatForMs: 30_000 };
/** By then workers have taken some of what waits. */
const QUEUE_FULL_RETRY_S = 30;

/** Writes the images of an open batch, and tells how many they were and, where it is only known then, the request's hash. */
export type WriteImages = (
  add: (page: NewBatchImage[]) => Promise<void>,
) => Promise<{ total: number; hash: string | null }>;

/**
 * Accepts a batch, all of it or nothing, and answers its id: its own, or that of the batch which the same Idempotency-Key
 * has made before. What is refused goes at once, what breaks off within about an hour; neither is in anybody's way.
 *
 * @throws ApiError that says whether something was accepted
 */
export type AcceptBatch = (batch: NewBatch, write: WriteImages) => Promise<string>;

export function createAcceptBatch(deps: {
  store: Pick<Store, 'openBatch' | 'addBatchImages' | 'sealBatch'>;
  batchSteps: Pick<BatchSteps, 'admit' | 'discard'>;
  log: Logger;
}): AcceptBatch {
  const { store, log } = deps;

  const accept: AcceptBatch = async (batch, write) => {
    await store.openBatch(batch, WRITE);
    const { total, hash } = await write(async (page) => {
      if (await store.addBatchImages(batch.id, page, WRITE)) return;
      throw new ApiError(
        'temporarily_unavailable',
        'The batch took too long to arrive. Nothing was accepted.',
      );
    });
    const sealed = await store.sealBatch(batch.id, total, hash, WRITE);
    switch (sealed.outcome) {
      case 'sealed':
        deps.batchSteps
          .admit(sealed.id, IN_PEACE)
          .catch((error: unknown) => log.warn({ err: error, batch_id: sealed.id }, 'batch.not_admitted'));
        log.info({ batch_id: sealed.id, images: total }, 'batch.accepted');
        return sealed.id;
      case 'replayed':
        discard(batch.id);
        return sealed.id;
      case 'key_reused':
        throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for another request.');
      case 'queue_full':
        throw new ApiError(
          'queue_full',
          'The policy "pending" is exhausted: more images would be waiting than may. Nothing was accepted.',
          { retryAfterSeconds: QUEUE_FULL_RETRY_S },
        );
      default:
        throw new Error(`The batch ${batch.id} of ${total} images is ${sealed.outcome}`);
    }
  };

  return (batch, write) =>
    accept(batch, write).catch((error: unknown) => {
      // An unclear call may still be carried out, and seal it.
      if (!(error instanceof RpcError && error.unclear)) discard(batch.id);
      throw explainRefusal(error, batch.id);
    });

  function discard(id: string): void {
    deps.batchSteps
      .discard(id, IN_PEACE)
      .catch((error: unknown) => log.warn({ err: error, batch_id: id }, 'batch.not_discarded'));
  }
}

/** A dataset or the user may have gone since they were looked up; the foreign keys are what knows. */
function explainRefusal(error: unknown, id: string): unknown {
  if (!(error instanceof RpcError)) return error;
  if (error.unclear) {
    const address = `${BATCHES_PATH}/${id}`;
    const detail = `The batch may have been accepted as ${id}. Look there before sending it again.`;
    return new ApiError('temporarily_unavailable', detail, {
      ...{ instance: address, headers: { Location: address }, retryAfterSeconds: 5, cause: error },
    });
  }
  if (error.code === '55P03') {
    return new ApiError('idempotency_in_progress', 'A request with this Idempotency-Key is being accepted.', {
      retryAfterSeconds: 1,
    });
  }
  if (error.code === '23503' && error.details.includes('(dataset_id)')) {
    return validationFailed([{ ...UNKNOWN_DATASET, pointer: '/items' }]);
  }
  if (error.code === '23503' && error.details.includes('(user_id)')) {
    return unauthorized('The user of this token is gone.', error);
  }
  return error;
}
