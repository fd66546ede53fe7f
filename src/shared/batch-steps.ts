import type { Logger } from './logger.ts';
import type { JobQueue } from './queue.ts';
import type { Release } from './release.ts';
import type { CallOptions } from './rpc.ts';
import type { Store } from './store.ts';

type Deps = {
  store: Pick<
    Store,
    'admitBatchImages' | 'cancelBatchImages' | 'advanceBatches' | 'discardBatch' | 'dropUnsealedBatches'
  >;
  queue: Pick<JobQueue, 'announceCancel' | 'announceChange'>;
  release: Pick<Release, 'request'>;
  log: Logger;
};

/** Of one batch in one round of reconcile: the other batches and steps have their turn, too. */
const PAGES_A_ROUND = 20;
const ONCE = { repeatForMs: 0 };

/** What goes on with a batch once it is sealed or canceled, page by page, by whoever comes to it first. */
export function createBatchSteps({ store, queue, release, log }: Deps) {
  /** Lets the images of a sealed batch into their lanes; false when there may be more. */
  const admit = async (
    id: string,
    options: CallOptions,
    pages = Number.POSITIVE_INFINITY,
  ): Promise<boolean> => {
    for (let page = 0; page < pages; page++) {
      const admitted = await store.admitBatchImages(id, options);
      if (admitted === 0) return true;
      release.request();
    }
    return false;
  };

  /** Cancels the images of a canceled batch, and has those that are being made stopped; false when there may be more. */
  const cancel = async (
    id: string,
    options: CallOptions,
    pages = Number.POSITIVE_INFINITY,
  ): Promise<boolean> => {
    for (let page = 0; page < pages; page++) {
      const { canceled, stopping, more } = await store.cancelBatchImages(id, options);
      for (const imageId of stopping) queue.announceCancel(imageId);
      for (const imageId of [...canceled, ...stopping]) queue.announceChange({ id: imageId });
      if (!more) return true;
    }
    return false;
  };

  return {
    admit,
    cancel,

    /** What will never be sealed goes. */
    async discard(id: string, options: CallOptions): Promise<void> {
      while (await store.discardBatch(id, options));
    },

    /** What others have left half done, and the end of batches whose images have all ended. */
    async advance(): Promise<void> {
      const open = await store.advanceBatches(ONCE);
      for (const id of open.admit) await admit(id, ONCE, PAGES_A_ROUND);
      for (const id of open.cancel) await cancel(id, ONCE, PAGES_A_ROUND);
    },

    async dropUnsealed(): Promise<void> {
      for (let page = 0; page < PAGES_A_ROUND; page++) {
        if (!(await store.dropUnsealedBatches(ONCE))) return;
        log.debug('batch.dropped');
      }
    },
  };
}

export type BatchSteps = ReturnType<typeof createBatchSteps>;
