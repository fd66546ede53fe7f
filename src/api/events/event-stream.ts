import type { Response } from 'express';
import type { Change } from '../../shared/event-store.ts';
import type { ResyncReason } from './event-position.ts';
import type { CutReason } from './events-metrics.ts';

/** Beyond so many images and batches of which the client has not taken the latest, it is cut off. */
const MOST_WAITING = 2_000;
/** Of so many images it is known what the client was told last. */
const MOST_TOLD = 50_000;

/** Which events a stream is about; without either all of its audience's. */
export type EventFilter = { imageId: string | null; batchId: string | null };

/** Something to tell: the latest of an image or batch (`about`), in a version that rises or differs with each change. */
export type EventNews = {
  about: string;
  imageId: string | null;
  batchId: string | null;
  /** Of images status_sequence; of batches whatever tells two states apart. */
  version: number | string;
  event: string;
  /** Position in the audience's stream; null for what Redis has not told of. */
  position: string | null;
  /** Only asked for what is really sent. */
  data: () => object;
};

export type EventStream = {
  audience: string;
  /** False only for what it surely is not about. */
  mayWant(imageId: string): boolean;
  /** Whether the client has not been told this of what it follows. */
  isNews(change: Pick<Change, 'id' | 'batch_id' | 'status_sequence'>): boolean;
  /** They wait until the stream has begun. Nothing is told twice, or after what is newer. */
  tell(news: EventNews): void;
  /**
   * Tells these before all that came meanwhile; `position` is where the client then is. Answers the batches that came
   * meanwhile, which have no order of their own: they are to be read again.
   */
  begin(first: EventNews[], position: string, resync: ResyncReason | null): string[];
  /** A sign of life, with the position if nothing is on its way; cuts off a client that has not taken anything for `stallMs`. */
  beat(stallMs: number, position: string | null): void;
  /** Ends it in order; the client may come back after so many milliseconds. */
  end(retryMs: number): void;
  openedAt: number;
};

/**
 * Writes one open answer as text/event-stream. What a slow client has not taken yet is kept as the latest of each image,
 * so it costs no more than what it follows; too much of that, or too long without taking anything, cuts it off.
 */
export function createEventStream(
  res: Response,
  options: {
    audience: string;
    filter: EventFilter;
    onSent: (event: string) => void;
    onCut: (reason: CutReason) => void;
  },
): EventStream {
  const { filter } = options;
  const told = new Map<string, number | string>();
  const waiting = new Map<string, EventNews>();
  let state: 'waiting' | 'open' | 'ended' = 'waiting';
  let fullSince: number | null = null;

  const cut = (reason: CutReason): void => {
    if (state === 'ended') return;
    state = 'ended';
    waiting.clear();
    options.onCut(reason);
    res.destroy();
  };

  const write = (text: string): void => {
    if (res.write(text)) return;
    fullSince = performance.now();
    res.once('drain', () => {
      fullSince = null;
      writeWaiting();
    });
  };

  function writeWaiting(): void {
    for (const [about, news] of waiting) {
      if (fullSince !== null || state !== 'open') return;
      waiting.delete(about);
      write(toText(news));
      options.onSent(news.event);
    }
  }

  const accept = (news: EventNews): boolean => {
    if (state === 'ended' || !isWanted(filter, news)) return false;
    const last = told.get(news.about);
    if (last === news.version || (typeof last === 'number' && last > Number(news.version))) return false;
    // Taken out and put in again, so that both stay in the order of what was told last.
    told.delete(news.about);
    told.set(news.about, news.version);
    if (told.size > MOST_TOLD) told.delete(String(told.keys().next().value));
    waiting.delete(news.about);
    waiting.set(news.about, news);
    return true;
  };

  return {
    audience: options.audience,
    openedAt: performance.now(),
    mayWant: (imageId) => state !== 'ended' && (filter.imageId === null || filter.imageId === imageId),
    isNews: (change) =>
      state !== 'ended' &&
      isWanted(filter, { imageId: change.id, batchId: change.batch_id }) &&
      Number(told.get(change.id) ?? 0) < change.status_sequence,
    tell(news) {
      if (!accept(news)) return;
      if (state === 'open') writeWaiting();
      if (waiting.size > MOST_WAITING) cut('behind');
    },
    begin(first, position, resync) {
      if (state === 'ended') return [];
      const meanwhile = [...waiting.values()];
      waiting.clear();
      told.clear();
      for (const news of first) accept(news);
      const [last] = [...waiting.values()].slice(-1);
      if (last) waiting.set(last.about, { ...last, position });
      for (const news of meanwhile) if (news.imageId !== null) accept(news);
      state = 'open';
      if (resync !== null) {
        write(`event: resync\ndata: ${JSON.stringify({ reason: resync })}\n\n`);
        options.onSent('resync');
      }
      // Without anything to tell, the position alone: that is no event, but the client keeps it (HTML, 9.2.6).
      if (!last) write(`id: ${position}\n\n`);
      writeWaiting();
      return meanwhile.filter(({ imageId }) => imageId === null).map(({ about }) => about);
    },
    beat(stallMs, position) {
      if (state !== 'open') return;
      if (fullSince === null) write(position && waiting.size === 0 ? `:\nid: ${position}\n\n` : ':\n\n');
      else if (performance.now() - fullSince > stallMs) cut('stalled');
    },
    end(retryMs) {
      if (state === 'ended') return;
      state = 'ended';
      waiting.clear();
      // Who has not taken what was written before would hold up the end.
      if (fullSince === null) res.end(`retry: ${Math.round(retryMs)}\n\n`);
      else res.destroy();
    },
  };
}

function isWanted(
  { imageId, batchId }: EventFilter,
  news: { imageId: string | null; batchId: string | null },
) {
  if (imageId !== null) return news.imageId === imageId;
  return batchId === null || news.batchId === batchId;
}

/** JSON has no line breaks of its own, so the data is one line. */
function toText({ event, position, data }: EventNews): string {
  return `event: ${event}\n${position === null ? '' : `id: ${position}\n`}data: ${JSON.stringify(data())}\n\n`;
}
