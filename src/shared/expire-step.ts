import type { Logger } from './logger.ts';
import type { Release } from './release.ts';
import type { Store } from './store.ts';

/** expire_generations ends so many a call at most; a full answer means that there may be more. */
const FULL = 200;

/** One round of ending images whose deadline has passed; what they held becomes free for others. */
export function createExpireStep(deps: {
  store: Pick<Store, 'expireGenerations'>;
  release: Pick<Release, 'request'>;
  log: Logger;
}): () => Promise<void> {
  return async () => {
    for (let expired = FULL; expired >= FULL; ) {
      expired = await deps.store.expireGenerations({ repeatForMs: 0 });
      if (expired === 0) return;
      deps.log.info({ expired }, 'generations.expired');
      deps.release.request();
    }
  };
}
