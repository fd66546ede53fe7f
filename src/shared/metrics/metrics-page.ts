import { Gauge, type Registry } from 'prom-client';
import type { CheckDependencies } from '../dependencies.ts';
import { DEPENDENCIES } from '../dependencies.ts';
import type { Logger } from '../logger.ts';
import type { Models } from '../models.ts';
import { shareReads } from '../shared-read.ts';
import type { Store } from '../store.ts';
import { createQueueGauges } from './queue-gauges.ts';

/** Scrapes that come together share one question; the database itself keeps its answer for five seconds. */
const KNOWN_FOR_MS = 1_000;
const PATIENCE_MS = 2_000;

export type MetricsPage = {
  contentType: string;
  /** Prometheus' text format. Takes a few seconds at most, whatever is away. */
  read(): Promise<string>;
};

/** What a scrape gets: everything in the registry, with the queue and the dependencies as they are now. */
export function createMetricsPage(deps: {
  registry: Registry;
  models: Models;
  store: Pick<Store, 'getQueueGauges'>;
  checkDependencies: CheckDependencies;
  log: Logger;
}): MetricsPage {
  const { registry } = deps;
  const queue = createQueueGauges(registry, deps.models);
  const up = new Gauge({
    name: 'darkroom_dependency_up',
    help: 'Whether this process reaches its database, Redis and Storage.',
    labelNames: ['dependency'],
    registers: [registry],
  });

  const refresh = shareReads(KNOWN_FOR_MS, async () => {
    const [gauges, states] = await Promise.all([
      deps.store
        .getQueueGauges({ repeatForMs: 0, timeoutMs: PATIENCE_MS })
        .catch((error: unknown) => void deps.log.debug({ err: error }, 'queue_gauges.failed')),
      deps.checkDependencies(),
    ]);
    queue.show(gauges ?? null);
    for (const dependency of DEPENDENCIES) up.set({ dependency }, states[dependency] === 'up' ? 1 : 0);
  });

  return {
    contentType: registry.contentType,
    async read() {
      await refresh();
      return registry.metrics();
    },
  };
}
