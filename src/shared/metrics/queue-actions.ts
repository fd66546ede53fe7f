import { Counter, Histogram, type Registry } from 'prom-client';
import type { Store } from '../store.ts';

/** The same store, of which is counted what its answers say that was done: submitted, released, reconciled. */
export function observeQueueActions(store: Store, registry: Registry): Store {
  const registers = [registry];
  const submitted = new Counter({
    name: 'darkroom_submitted_images_total',
    help: 'What submitted images came to: created, replayed or key_reused by their key, gone, queue_full.',
    labelNames: ['outcome'],
    registers,
  });
  const releases = new Counter({
    name: 'darkroom_releases_total',
    help: 'Calls of release_generations: released something, empty, or contended.',
    labelNames: ['outcome'],
    registers,
  });
  const batches = new Histogram({
    name: 'darkroom_release_batch_images',
    help: 'Images that one release handed out.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers,
  });
  const reconciled = new Counter({
    name: 'darkroom_reconciled_total',
    help: 'Jobs offered to Redis again, images expired, places in Storage looked over and cleaned.',
    labelNames: ['action'],
    registers,
  });
  const count = (action: string, times: number) => {
    if (times > 0) reconciled.inc({ action }, times);
  };

  return {
    ...store,
    async submitGenerations(...args) {
      const items = await store.submitGenerations(...args);
      for (const { outcome } of items) submitted.inc({ outcome });
      return items;
    },
    async releaseGenerations(...args) {
      const release = await store.releaseGenerations(...args);
      const size = release.jobs.length;
      if (size > 0) batches.observe(size);
      releases.inc({ outcome: size > 0 ? 'released' : release.contended ? 'contended' : 'empty' });
      return release;
    },
    async listLostJobs(...args) {
      const jobs = await store.listLostJobs(...args);
      count('job_offered', jobs.length);
      return jobs;
    },
    async expireGenerations(...args) {
      const expired = await store.expireGenerations(...args);
      count('image_expired', expired);
      return expired;
    },
    async claimStorageCleanup(...args) {
      const claims = await store.claimStorageCleanup(...args);
      count('cleanup_claimed', claims.length);
      return claims;
    },
    async finishStorageCleanup(finished, options) {
      await store.finishStorageCleanup(finished, options);
      count('cleanup_finished', finished.length);
    },
  };
}
