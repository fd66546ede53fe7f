import type { GenerationOptions } from '../api/options-schema.ts';
import type { QueueLoad } from '../api/queue-schema.ts';
import { createAdmin } from './admin.ts';
import { createApiKeys } from './api-keys.ts';
import { createBatches } from './batches.ts';
import { createDatasets } from './datasets.ts';
import { createEvents } from './events.ts';
import { type CallOptions, createSend } from './http.ts';
import { createImages } from './images.ts';
import { createUsage } from './usage.ts';
import { createWebhooks } from './webhooks.ts';

export type ClientOptions = {
  /** Where the API is, without a slash at its end: `https://images.example.com`. */
  baseUrl: string;
  /** A user's access token, an API key (`dk_…`), an admin's, or what answers a fresh one; nobody in particular without it. */
  token?: (() => string | undefined | Promise<string | undefined>) | string;
  fetch?: typeof fetch;
};

/**
 * Darkroom from a browser or Node 22 and newer, without further dependencies. Refusals reject with a DarkroomError;
 * broken connections are repeated for a minute, waits for ever.
 */
export function createDarkroomClient({ baseUrl, token, fetch: given }: ClientOptions) {
  // A browser's fetch wants to be called as a method of nothing but the window.
  const send = createSend({ baseUrl, token, fetch: given ?? ((...args) => globalThis.fetch(...args)) });
  const images = createImages(send);
  return {
    ...images,
    ...createUsage(send),
    batches: createBatches(send, images.history),
    apiKeys: createApiKeys(send),
    datasets: createDatasets(send),
    webhooks: createWebhooks(send),
    admin: createAdmin(send),
    events: createEvents(send),
    /** How busy it is, and where the caller stands. */
    queue: async (options: CallOptions = {}) => (await send('GET', '/ai/queue', options)).body as QueueLoad,
    /** What a request may ask for, with prices and limits. */
    options: async () => (await send('GET', '/ai/options')).body as GenerationOptions,
  };
}

export type { BatchItem, BatchRecord } from './batches.ts';
export { DarkroomError } from './darkroom-error.ts';
export type { HistoryFilter, ImageRecord, ImageRequest } from './images.ts';
export type { QueueLoad };
export type DarkroomClient = ReturnType<typeof createDarkroomClient>;
