import type { BatchRecord } from '../api/batch-schemas.ts';
import type { ImageRecord } from '../api/record-schema.ts';
import { type Block, readBlocks } from './event-stream.ts';
import { type Send, sleep } from './http.ts';

const EVENTS = '/ai/events';
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
/** The server says something every 15 seconds. */
const SILENCE_MS = 45_000;
/** Of so many images it is known what was told last. */
const MOST_KNOWN = 50_000;

/** `lastEventId` is where to go on from in another call. */
export type DarkroomEvent = { lastEventId: string | null } & (
  | { type: 'image.updated'; image: ImageRecord }
  | { type: 'image.deleted'; image: { id: string; status_sequence: number } }
  | { type: 'batch.updated'; batch: BatchRecord }
  /** Too much was missed to be told: read what matters again. What is under way follows. */
  | { type: 'resync'; reason: string }
);

export type EventOptions = {
  imageId?: string;
  batchId?: string;
  /** Ends it; the iteration rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Of an earlier iteration: what has changed since comes first, and not what is under way. */
  lastEventId?: string;
  /** A connection that has been silent for so long is taken for dead, in milliseconds. */
  silenceMs?: number;
  /** Told when a connection is there, and when it is gone and another one is sought. */
  onConnection?: (isOpen: boolean) => void;
};

/**
 * What happens to images and batches, without an end: connections that break, and servers that leave, are waited out, and
 * what happened meanwhile is told. Images come in versions that rise, each once. Stop by leaving the loop, or by `signal`.
 *
 * @throws DarkroomError what the server refuses for good, such as a token that is no longer valid
 */
export function createEvents(send: Send) {
  return async function* events(options: EventOptions = {}): AsyncGenerator<DarkroomEvent> {
    const { signal, silenceMs = SILENCE_MS } = options;
    const query = new URLSearchParams({
      ...(options.imageId && { image_id: options.imageId }),
      ...(options.batchId && { batch_id: options.batchId }),
    });
    const isNews = createIsNews();
    let lastEventId = options.lastEventId ?? null;
    let retryMs = RETRY_MS;
    for (;;) {
      const { body } = await send('GET', `${EVENTS}?${query}`, {
        asStream: true,
        retryForMs: Number.POSITIVE_INFINITY,
        headers: { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) },
        ...(signal && { signal }),
      });
      options.onConnection?.(true);
      const blocks = readBlocks(body as ReadableStream<Uint8Array>, silenceMs);
      try {
        for (;;) {
          const next = await nextBlock(blocks, signal);
          if (next === null) break;
          lastEventId = next.id ?? lastEventId;
          retryMs = Math.min(next.retryMs ?? retryMs, LONGEST_RETRY_MS);
          const event = toEvent(next, lastEventId);
          if (event && isNews(event)) yield event;
        }
      } finally {
        options.onConnection?.(false);
        await blocks.return(undefined);
      }
      await sleep(retryMs * (0.5 + Math.random() / 2), signal);
    }
  };
}

/** Null when the connection has ended or broken, which is no error of the loop's body. */
async function nextBlock(
  blocks: AsyncGenerator<Block>,
  signal: AbortSignal | undefined,
): Promise<Block | null> {
  try {
    const { done, value } = await blocks.next();
    return done ? null : value;
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}

/** Null for what this client does not know, and for what is no event. */
function toEvent({ event, data }: Block, lastEventId: string | null): DarkroomEvent | null {
  if (data === null) return null;
  switch (event) {
    case 'image.updated':
    case 'image.deleted':
    case 'batch.updated':
    case 'resync':
      return { type: event, lastEventId, ...JSON.parse(data) };
  }
  return null;
}

/** After a reconnect the server tells the last seconds again. */
function createIsNews(): (event: DarkroomEvent) => boolean {
  const known = new Map<string, number>();
  return (event) => {
    if (!('image' in event)) return true;
    const { id, status_sequence } = event.image;
    if ((known.get(id) ?? 0) >= status_sequence) return false;
    known.delete(id);
    known.set(id, status_sequence);
    if (known.size > MOST_KNOWN) known.delete(String(known.keys().next().value));
    return true;
  };
}
