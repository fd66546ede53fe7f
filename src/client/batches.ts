import type { BatchBody, BatchEstimate, BatchItem, BatchPage, BatchRecord } from '../api/batch-schemas.ts';
import { type FollowOptions, followBatch } from './follow-batch.ts';
import { type CallOptions, type Send, sleep } from './http.ts';
import type { HistoryFilter, ImageRecord } from './images.ts';

const BATCHES = '/ai/batches';
const POLL_MS = 2_000;
const LINES = { type: 'application/x-ndjson' };

export type Batch = Omit<BatchBody, 'dry_run'>;
export type { BatchEstimate, BatchItem, BatchRecord };
export type BatchCallOptions = CallOptions & { idempotencyKey?: string };
/** A Blob has the items already as lines of JSON: one of a file (`openAsBlob`) is sent as it is read. */
export type BatchLines = Iterable<BatchItem> | Blob;
/** All images that match a filter. */
export type History = (filter: HistoryFilter, options?: CallOptions) => AsyncGenerator<ImageRecord>;

/** Many images at once. What makes some carries an Idempotency-Key, so that it may be repeated. */
export function createBatches(send: Send, history: History) {
  const pathOf = (id: string) => `${BATCHES}/${encodeURIComponent(id)}`;
  const ask = async (...call: Parameters<Send>) => (await send(...call)).body as BatchRecord;
  const keyed = ({ idempotencyKey, ...options }: BatchCallOptions) => ({
    ...options,
    headers: { 'idempotency-key': idempotencyKey ?? crypto.randomUUID() },
  });
  const get = (id: string, options: CallOptions = {}) => ask('GET', pathOf(id), options);
  /** One page of the caller's, newest first; the next one is asked for by its cursor. */
  const page = async (
    query: { cursor?: string; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<BatchPage> => {
    const asked = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return (await send('GET', `${BATCHES}?${new URLSearchParams(asked)}`, options)).body as BatchPage;
  };
  const sendLines = (
    items: BatchLines,
    { name, webhookUrl, ...options }: BatchCallOptions & { name?: string; webhookUrl?: string },
    query: Record<string, string>,
  ) => {
    const asked = new URLSearchParams({
      ...(name && { name }),
      ...(webhookUrl && { webhook_url: webhookUrl }),
      ...query,
    });
    const body =
      items instanceof Blob
        ? items.slice(0, items.size, LINES.type)
        : new Blob(
            Array.from(items, (item) => `${JSON.stringify(item)}\n`),
            LINES,
          );
    return send('POST', `${BATCHES}?${asked}`, { ...keyed(options), body });
  };

  return {
    /** Up to 1,000 items. */
    create: (batch: Batch, options: BatchCallOptions = {}): Promise<BatchRecord> =>
      ask('POST', BATCHES, { ...keyed(options), body: batch }),

    /** Up to 100,000 items, each of them whole. */
    createFromLines: async (
      items: BatchLines,
      options: BatchCallOptions & { name?: string; webhookUrl?: string } = {},
    ): Promise<BatchRecord> => (await sendLines(items, options, {})).body as BatchRecord,

    /** What up to 100,000 items would cost; nothing is stored. */
    estimate: async (items: BatchLines, options: CallOptions = {}): Promise<BatchEstimate> =>
      (await sendLines(items, options, { dry_run: 'true' })).body as BatchEstimate,

    get,

    page,

    /** The caller's, newest first, page by page as they are taken. */
    async *list(options: CallOptions = {}): AsyncGenerator<BatchRecord> {
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const { items, next_cursor }: BatchPage = await page(cursor ? { cursor } : {}, options);
        yield* items;
        cursor = next_cursor;
      }
    },

    cancel: (id: string, options: CallOptions = {}): Promise<BatchRecord> =>
      ask('POST', `${pathOf(id)}/cancel`, options),

    /** A new batch of copies of the failed and expired images. Refused with `nothing_to_retry` where there are none. */
    retry: (id: string, options: BatchCallOptions = {}): Promise<BatchRecord> =>
      ask('POST', `${pathOf(id)}/retry`, keyed(options)),

    /** Each image of the batch as it ends, until all have; outages of the API are waited out. */
    follow(id: string, options: FollowOptions = {}): AsyncGenerator<ImageRecord> {
      const call = {
        ...(options.signal && { signal: options.signal }),
        retryForMs: Number.POSITIVE_INFINITY,
      };
      const ask = {
        getBatch: () => get(id, call),
        history: (filter: HistoryFilter) => history(filter, call),
      };
      return followBatch(ask, id, options);
    },

    /** The batch once all of its images have ended, however long that takes; outages of the API are waited out. */
    async wait(
      id: string,
      options: CallOptions & { onChange?: (batch: BatchRecord) => void } = {},
    ): Promise<BatchRecord> {
      const call = {
        ...(options.signal && { signal: options.signal }),
        retryForMs: Number.POSITIVE_INFINITY,
      };
      for (let last = ''; ; ) {
        const batch = await get(id, call);
        const seen = JSON.stringify(batch.counts);
        if (seen !== last) options.onChange?.(batch);
        last = seen;
        if (batch.counts.pending + batch.counts.processing === 0) return batch;
        await sleep(Math.min(POLL_MS, Math.max(250, (batch.eta_seconds ?? 0) * 100)), options.signal);
      }
    },
  };
}
