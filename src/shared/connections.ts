import type { z } from 'zod';
import type { connectionConfig } from './connection-config.ts';
import { createFailpoint, type Failpoint, type failpointConfig } from './failpoints.ts';
import type { Logger } from './logger.ts';
import { createCallMetrics, type ObserveStep } from './metrics/call-metrics.ts';
import { observeStorage } from './metrics/observed-storage.ts';
import { observeQueueActions } from './metrics/queue-actions.ts';
import type { Registry } from './metrics/registry.ts';
import { createJobQueue, type JobQueue } from './queue.ts';
import { createRelease, type Release } from './release.ts';
import { createRpc } from './rpc.ts';
import { createStorage, type Storage } from './storage.ts';
import { createStore, type Store } from './store.ts';
import { createSupabase } from './supabase.ts';
import { traceQueue, traceRpc, traceStorage } from './trace-connections.ts';
import type { Tracing } from './tracing.ts';

/** What every process works with, on connections of its own. */
export type Connections = {
  store: Store;
  storage: Storage;
  queue: JobQueue;
  release: Release;
  failpoint: Failpoint;
  tracing: Tracing;
  /** For the timers of the process. */
  observeStep: ObserveStep;
  close(): Promise<void>;
};

type ConnectionConfig = z.output<z.ZodObject<typeof connectionConfig>> & z.output<typeof failpointConfig>;

/**
 * Connects to nothing yet: each part does when it is first used, and again when its other side was away. All that goes
 * over them is measured into `registry` and traced.
 */
export function openConnections(
  config: ConnectionConfig,
  { registry, tracing, log }: { registry: Registry; tracing: Tracing; log: Logger },
): Connections {
  const supabase = createSupabase(config.SUPABASE_URL, config.SUPABASE_SERVICE_ROLE_KEY);
  const metrics = createCallMetrics(registry);
  const rpc = traceRpc(createRpc(supabase.client, log, metrics.observeRpc), tracing);
  const store = observeQueueActions(createStore(rpc), registry);
  const storage = createStorage(supabase.client, config.SUPABASE_PUBLIC_URL ?? config.SUPABASE_URL);
  const redis = { redisUrl: config.REDIS_URL, prefix: config.QUEUE_PREFIX };
  const queue = traceQueue(createJobQueue({ ...redis, log }), tracing);
  const failpoint = createFailpoint(config.FAILPOINTS);
  const release = createRelease({ store, queue, failpoint, tracing, log });
  return {
    store,
    storage: traceStorage(observeStorage(storage, metrics.observeStorage), tracing),
    queue,
    release,
    failpoint,
    tracing,
    observeStep: metrics.observeStep,
    async close() {
      const traced = tracing.stop();
      release.stop();
      await queue.close();
      await supabase.close();
      await traced;
    },
  };
}
