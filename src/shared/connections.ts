import type { z } from 'zod';
import type { connectionConfig } from './connection-config.ts';
import { createFailpoint, type Failpoint, type failpointConfig } from './failpoints.ts';
import type { Logger } from './logger.ts';
import { createJobQueue, type JobQueue } from './queue.ts';
import { createRelease, type Release } from './release.ts';
import { createRpc } from './rpc.ts';
import { createStorage, type Storage } from './storage.ts';
import { createStore, type Store } from './store.ts';
import { createSupabase } from './supabase.ts';

/** What every process works with, on connections of its own. */
export type Connections = {
  store: Store;
  storage: Storage;
  queue: JobQueue;
  release: Release;
  failpoint: Failpoint;
  close(): Promise<void>;
};

type ConnectionConfig = z.output<z.ZodObject<typeof connectionConfig>> & z.output<typeof failpointConfig>;

/** Connects to nothing yet: each part does when it is first used, and again when its other side was away. */
export function openConnections(config: ConnectionConfig, log: Logger): Connections {
  const supabase = createSupabase(config.SUPABASE_URL, config.SUPABASE_SERVICE_ROLE_KEY);
  const store = createStore(createRpc(supabase.client, log));
  const queue = createJobQueue({ redisUrl: config.REDIS_URL, prefix: config.QUEUE_PREFIX, log });
  const failpoint = createFailpoint(config.FAILPOINTS);
  return {
    store,
    storage: createStorage(supabase.client, config.SUPABASE_PUBLIC_URL ?? config.SUPABASE_URL),
    queue,
    release: createRelease({ store, queue, failpoint, log }),
    failpoint,
    async close() {
      await queue.close();
      await supabase.close();
    },
  };
}
