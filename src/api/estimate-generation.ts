import type { NewGeneration } from '../shared/generation.ts';
import { queueWarnings } from '../shared/queue-hold.ts';
import { placeOfNext } from '../shared/queue-place.ts';
import type { Store } from '../shared/store.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import type { GenerationEstimate } from './record-schema.ts';

const READ = { repeatForMs: 2_000 };

/** What an image would cost and how long it would wait, were it submitted now. */
export type EstimateGeneration = (item: NewGeneration) => Promise<GenerationEstimate>;

export function createEstimateGeneration(deps: {
  store: Pick<Store, 'countLaneWaiting'>;
  readQueue: ReadQueue;
}): EstimateGeneration {
  return async (item) => {
    const [waiting, queue] = await Promise.all([
      deps.store.countLaneWaiting(item.lane_key, READ),
      deps.readQueue(),
    ]);
    const now = new Date();
    return {
      dry_run: true,
      estimated_cost_usd: item.estimated_cost_usd,
      ...placeOfNext(waiting, item, queue, now),
      warnings: queue ? queueWarnings(item.model, queue, now) : [],
    };
  };
}
