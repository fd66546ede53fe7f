import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../shared/logger.ts';
import type { QueueSnapshot } from '../shared/queue-place.ts';
import type { Store } from '../shared/store.ts';

const OLDEST_MS = 2_000;
/** An answer does not wait longer for its place in the queue, unless that is what it is about. */
const PATIENCE_MS = 100;

export type ReadQueue = (options?: { patienceMs: number }) => Promise<QueueSnapshot | null>;

/** The queue as it was at most two seconds ago, read once for all requests of that time; null when it cannot be had. */
export function createReadQueue(deps: { store: Pick<Store, 'getQueueSnapshot'>; log: Logger }): ReadQueue {
  let last: { queue: QueueSnapshot; at: number } | null = null;
  let reading: Promise<QueueSnapshot | null> | null = null;

  const read = async (): Promise<QueueSnapshot | null> => {
    try {
      const at = performance.now();
      const queue = await deps.store.getQueueSnapshot({ repeatForMs: 0, timeoutMs: OLDEST_MS });
      last = { queue, at };
      return queue;
    } catch (error) {
      deps.log.warn({ err: error }, 'queue_snapshot.failed');
      return null;
    } finally {
      reading = null;
    }
  };

  return async ({ patienceMs } = { patienceMs: PATIENCE_MS }) => {
    if (last && performance.now() - last.at < OLDEST_MS) return last.queue;
    reading ??= read();
    return Promise.race([reading, delay(patienceMs, null, { ref: false })]);
  };
}
