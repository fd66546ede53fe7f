import type { GenerateBody } from '../api/generate-request.ts';
import type { ImageEvents } from '../api/image-events-schema.ts';
import type { GenerationEstimate, HistoryPage, ImageRecord } from '../api/record-schema.ts';
import { type CallOptions, type Send, sleep } from './http.ts';

const IMAGES = '/ai/generated-images';
const LONG_POLL_S = 50;
const ENDED = new Set(['succeeded', 'failed', 'canceled', 'expired']);

/** What is to be drawn. Whether it is only asked about is said by the method: `submit` or `estimate`. */
export type ImageRequest = Omit<GenerateBody, 'dry_run'>;
export type { GenerationEstimate, HistoryPage, ImageEvents, ImageRecord };

export type SubmitOptions = CallOptions & {
  /** The same key makes the same image, also from another process. One is made up without it. */
  idempotencyKey?: string;
};

/** Null and undefined do not filter. */
export type HistoryFilter = {
  status?: string[];
  ids?: string[];
  dataset_id?: string;
  batch_id?: string;
  root_id?: string;
  user_id?: string;
  style?: string;
  model?: string;
  metadata?: Record<string, string>;
  created_after?: string;
  created_before?: string;
  q?: string;
  order?: 'desc' | 'asc';
  /** Images asked for at a time; all of them come, page by page. */
  limit?: number;
};

export type WaitOptions = {
  signal?: AbortSignal;
  /** Called with the image as it is first found, and with each change. */
  onChange?: (record: ImageRecord) => void;
};

export const hasEnded = ({ status }: Pick<ImageRecord, 'status'>): boolean => ENDED.has(status);

/** Single images: submit, read, wait, and what else can be done with them. */
export function createImages(send: Send) {
  const pathOf = (id: string) => `${IMAGES}/${encodeURIComponent(id)}`;
  const submitTo = async (path: string, body: object, options: SubmitOptions): Promise<ImageRecord> => {
    const headers = { 'idempotency-key': options.idempotencyKey ?? crypto.randomUUID() };
    return (await send('POST', path, { ...options, body, headers })).body as ImageRecord;
  };

  /** One page of the images that match; the next one is asked for by its cursor. */
  const historyPage = async (
    filter: HistoryFilter & { cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<HistoryPage> => (await send('GET', `${IMAGES}?${toQuery(filter)}`, options)).body as HistoryPage;

  return {
    submit: (request: ImageRequest, options: SubmitOptions = {}): Promise<ImageRecord> =>
      submitTo('/ai/generate', request, options),

    /** What an image would cost and how long it would wait; nothing is made. */
    estimate: async (request: ImageRequest, options: CallOptions = {}): Promise<GenerationEstimate> => {
      const body = { ...request, dry_run: true };
      return (await send('POST', '/ai/generate', { ...options, body })).body as GenerationEstimate;
    },

    get: async (id: string, options: CallOptions = {}): Promise<ImageRecord> =>
      (await send('GET', pathOf(id), options)).body as ImageRecord,

    /** What happened to it so far, transition by transition. To be told as it happens, see `events`. */
    imageEvents: async (id: string, options: CallOptions = {}): Promise<ImageEvents> =>
      (await send('GET', `${pathOf(id)}/events`, options)).body as ImageEvents,

    /**
     * Resolves once the image has ended, however long that takes and whatever breaks meanwhile: it asks on where it was.
     * Whether it succeeded is for the caller to see.
     */
    async wait(id: string, { signal, onChange }: WaitOptions = {}): Promise<ImageRecord> {
      const base = { ...(signal && { signal }), retryForMs: Number.POSITIVE_INFINITY };
      let answer = await send('GET', pathOf(id), base);
      let record = answer.body as ImageRecord;
      for (;;) {
        if (answer.status !== 304) {
          record = answer.body as ImageRecord;
          onChange?.(record);
          if (hasEnded(record)) return record;
        }
        const etag = answer.headers.get('etag');
        const headers = { prefer: `wait=${LONG_POLL_S}`, ...(etag && { 'if-none-match': etag }) };
        answer = await send('GET', pathOf(id), { ...base, headers });
        // A server, or a proxy before it, that does not hold the request must not be asked in a loop.
        const isHeld = answer.headers.get('preference-applied') !== null;
        if (!isHeld) await sleep(Number(answer.headers.get('retry-after') ?? 1) * 1_000, signal);
      }
    },

    historyPage,

    /** All images that match, page by page as they are taken. */
    async *history(filter: HistoryFilter = {}, options: CallOptions = {}): AsyncGenerator<ImageRecord> {
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page: HistoryPage = await historyPage({ ...filter, ...(cursor && { cursor }) }, options);
        yield* page.items;
        cursor = page.next_cursor;
      }
    },

    /** The image as it is then; one that is being made has ended a moment later. */
    cancel: async (id: string, options: CallOptions = {}): Promise<ImageRecord> =>
      (await send('POST', `${pathOf(id)}/cancel`, options)).body as ImageRecord,

    /** A new image of the same request, with these changes. */
    regenerate: (
      id: string,
      changes: Partial<ImageRequest> = {},
      options: SubmitOptions = {},
    ): Promise<ImageRecord> => submitTo(`${pathOf(id)}/regenerate`, changes, options),

    delete: async (id: string, options: CallOptions = {}): Promise<void> => {
      await send('DELETE', pathOf(id), options);
    },
  };
}

function toQuery({ status, ids, metadata, ...rest }: HistoryFilter & { cursor?: string }): URLSearchParams {
  const query = new URLSearchParams();
  const lists = { status: status?.join(','), ids: ids?.join(',') };
  for (const [name, value] of Object.entries({ ...lists, ...rest })) {
    if (value !== undefined) query.set(name, String(value));
  }
  for (const [key, value] of Object.entries(metadata ?? {})) query.set(`metadata.${key}`, value);
  return query;
}
