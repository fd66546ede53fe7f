import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';

const MOST_OF_CALLER = 2;
const RETRY_AFTER_S = 5;

/**
 * Lets `work` run while there is room for an upload: in the process, since each may fill 140 MB of temporary storage,
 * and for its caller, so that nobody takes all of that room. An upload that has no room is refused before it is read.
 *
 * @throws ApiError rate_limited, temporarily_unavailable; what `work` throws
 */
export type WithUploadSlot = <T>(caller: Caller, work: () => Promise<T>) => Promise<T>;

/** `most` in this process; 2 of them for one caller, but all for an admin, who may be a service with many users. */
export function createUploadSlots(most: number): WithUploadSlot {
  const running = new Map<string, number>();
  let total = 0;

  return async ({ kind, laneKey }, work) => {
    const ofCaller = running.get(laneKey) ?? 0;
    if (kind !== 'admin' && ofCaller >= MOST_OF_CALLER) {
      const detail = `The policy "upload" allows ${MOST_OF_CALLER} uploads at once. Nothing was added.`;
      throw new ApiError('rate_limited', detail, { retryAfterSeconds: RETRY_AFTER_S });
    }
    if (total >= most) {
      const detail = 'As many uploads are under way as this server takes. Nothing was added. Try again.';
      throw new ApiError('temporarily_unavailable', detail, { retryAfterSeconds: RETRY_AFTER_S });
    }
    total++;
    running.set(laneKey, ofCaller + 1);
    try {
      return await work();
    } finally {
      total--;
      const left = (running.get(laneKey) ?? 1) - 1;
      if (left > 0) running.set(laneKey, left);
      else running.delete(laneKey);
    }
  };
}
