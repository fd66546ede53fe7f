import type { DarkroomClient } from '../client/client.ts';
import type { DarkroomEvent } from '../client/events.ts';
import { sleep } from '../client/http.ts';
import { hasEnded, type ImageRecord } from '../client/images.ts';
import { isOlder } from './by-time.ts';
import { createEmitter, type Emitter } from './emitter.ts';

const LOOK_EVERY_MS = 4_000;
const MOST_LOOKED_AT = 100;
const NEWEST_LOOKED_AT = 20;

type Batch = Extract<DarkroomEvent, { type: 'batch.updated' }>['batch'];
/** `live`: told as it happens. `polling`: asked every few seconds. `lost`: Darkroom does not answer. */
export type Connection = 'connecting' | 'live' | 'polling' | 'lost';
export type LiveMessage =
  | { type: 'active' }
  | { type: 'ended'; image: ImageRecord }
  | { type: 'deleted'; id: string }
  | { type: 'batch'; batch: Batch }
  | { type: 'connection'; connection: Connection }
  /** Too much was missed: what is shown has to be read again. */
  | { type: 'resync' };

export type LiveImages = Pick<Emitter<LiveMessage>, 'on'> & {
  /** Those that wait or are being made. */
  active(): ImageRecord[];
  connection(): Connection;
  /** An image as somebody else has just been answered it. */
  put(image: ImageRecord): void;
  /** One that was deleted here. */
  drop(id: string): void;
};

/**
 * The caller's images that are under way, kept up to date until `signal` aborts: by the stream of events, and by asking,
 * since places in the queue move without events, and since a stream may not be had.
 */
export function followImages(client: DarkroomClient, signal: AbortSignal): LiveImages {
  const { emit, on } = createEmitter<LiveMessage>();
  const active = new Map<string, ImageRecord>();
  /** The newest version of each that was seen, so that a late answer changes nothing. */
  const seen = new Map<string, number>();
  let connection: Connection = 'connecting';
  let isOpen = false;
  let lookNow: () => void = () => undefined;

  const setConnection = (next: Connection): void => {
    if (next === connection) return;
    connection = next;
    emit({ type: 'connection', connection });
  };
  const put = (image: ImageRecord): void => {
    if ((seen.get(image.id) ?? -1) > image.status_sequence) return;
    const isNews = seen.get(image.id) !== image.status_sequence;
    seen.set(image.id, image.status_sequence);
    if (!hasEnded(image)) {
      active.set(image.id, image);
      emit({ type: 'active' });
      return;
    }
    if (active.delete(image.id)) emit({ type: 'active' });
    if (isNews) emit({ type: 'ended', image });
  };
  const drop = (id: string): void => {
    seen.set(id, Number.POSITIVE_INFINITY);
    if (active.delete(id)) emit({ type: 'active' });
    emit({ type: 'deleted', id });
  };

  const take = (event: DarkroomEvent): void => {
    if (event.type === 'image.updated') put(event.image);
    else if (event.type === 'image.deleted') drop(event.image.id);
    else if (event.type === 'batch.updated') emit({ type: 'batch', batch: event.batch });
    else emit({ type: 'resync' });
  };
  const follow = async (): Promise<void> => {
    const onConnection = (open: boolean): void => {
      isOpen = open;
      if (open) setConnection('live');
      lookNow();
    };
    for await (const event of client.events({ signal, onConnection })) take(event);
  };

  const look = async (): Promise<void> => {
    const before = [...active.values()];
    const call = { signal, retryForMs: 0 };
    // The oldest are those that come next: of many they are the ones that are shown.
    const page = await client.historyPage(
      { status: ['pending', 'processing'], order: 'asc', limit: MOST_LOOKED_AT },
      call,
    );
    for (const image of page.items) put(image);
    // What others have made since is nowhere among those, and only the stream would tell of it.
    if (!isOpen) {
      const newest = await client.historyPage({ limit: NEWEST_LOOKED_AT }, call);
      for (const image of newest.items) put(image);
    }
    const here = new Set(page.items.map(({ id }) => id));
    const last = page.next_cursor === null ? null : page.items.at(-1);
    const missing = before
      .filter((image) => active.has(image.id) && !here.has(image.id) && (!last || isOlder(image, last)))
      .map(({ id }) => id)
      .slice(0, MOST_LOOKED_AT);
    if (missing.length === 0) return;
    const ended = await client.historyPage({ ids: missing }, call);
    for (const image of ended.items) put(image);
    const found = new Set(ended.items.map(({ id }) => id));
    for (const id of missing) if (!found.has(id)) drop(id);
  };
  const keepLooking = async (): Promise<void> => {
    while (!signal.aborted) {
      // Nobody sees a hidden page, and the stream tells how its images end.
      const isNeeded = !isOpen || (active.size > 0 && !document.hidden);
      try {
        if (isNeeded) await look();
        if (!isOpen && isNeeded) setConnection('polling');
      } catch {
        // Whatever it was comes again in a moment; what a person has to know is that there is no answer.
        if (!isOpen) setConnection('lost');
      }
      const asked = new Promise<void>((resolve) => {
        lookNow = resolve;
      });
      await Promise.race([sleep(LOOK_EVERY_MS, signal), asked]);
    }
  };

  document.addEventListener('visibilitychange', () => lookNow(), { signal });

  const untilStopped = (error: unknown): void => {
    if (!signal.aborted) reportError(error);
  };
  // A stream that is refused for good leaves the page to its asking.
  follow().catch(() => {
    isOpen = false;
    lookNow();
  });
  keepLooking().catch(untilStopped);
  return { on, put, drop, active: () => [...active.values()], connection: () => connection };
}
