import { z } from 'zod';
import { createAdminStore } from './admin-store.ts';
import { createApiKeyStore } from './api-key-store.ts';
import { createAttemptStore } from './attempt-store.ts';
import { createAuditStore } from './audit-store.ts';
import { createBatchStore } from './batch-store.ts';
import { createCleanupStore } from './cleanup-store.ts';
import { createDatasetStore } from './dataset-store.ts';
import { createEventStore } from './event-store.ts';
import { createGenerationStore } from './generation-store.ts';
import { createQueueStore } from './queue-store.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { createUsageStore } from './usage-store.ts';
import { createWebhookStore } from './webhook-store.ts';

/**
 * The database as the processes see it: one method for each SQL function of `migrations/`, where each is described.
 * Null means that the function answered no row. Throws RpcError.
 */
export function createStore(rpc: Rpc) {
  return {
    ...createGenerationStore(rpc),
    ...createAttemptStore(rpc),
    ...createQueueStore(rpc),
    ...createCleanupStore(rpc),
    ...createDatasetStore(rpc),
    ...createApiKeyStore(rpc),
    ...createAdminStore(rpc),
    ...createBatchStore(rpc),
    ...createWebhookStore(rpc),
    ...createEventStore(rpc),
    ...createAuditStore(rpc),
    ...createUsageStore(rpc),

    listMissingFunctions: async (names: string[], options: CallOptions): Promise<string[]> =>
      z.array(z.string()).parse(await rpc('list_missing_functions', { p_names: names }, options)),
  };
}

export type Store = ReturnType<typeof createStore>;
