import type { Response } from 'express';
import type { ReadQueue } from '../queue-snapshot.ts';
import { isActive } from '../record.ts';
import type { LinkEvents } from './event-links.ts';
import { positionAt } from './event-position.ts';
import { createEventStream, type EventFilter, type EventStream } from './event-stream.ts';
import type { EventsMetrics } from './events-metrics.ts';
import type { FollowChanges } from './follow-changes.ts';
import { batchNews, imageNews } from './news.ts';
import type { ReadFirst } from './read-first.ts';

const RETRY_MS = 2_000;

export type EventStreams = {
  /** Answers with a stream, which is open when this resolves. Rejects before anything was sent. */
  open(
    res: Response,
    asked: { audience: string; filter: EventFilter; position: string | null; link: LinkEvents },
  ): Promise<void>;
  close(): void;
};

/** The streams of this process: opened, kept alive, and ended when it leaves, so that their clients go elsewhere. */
export function createEventStreams(deps: {
  follow: FollowChanges;
  readFirst: ReadFirst;
  readQueue: ReadQueue;
  metrics: EventsMetrics;
  heartbeatMs: number;
  /** A client that has taken nothing for so long is cut off. */
  stallMs: number;
  /** A stream ends after so long: whose token has run out, or whose key was revoked, hears no longer than that. */
  longestMs: number;
  leaving: AbortSignal;
}): EventStreams {
  const streams = new Set<EventStream>();
  /** Spread, so that the clients of a process that leaves do not come to another one in one moment. */
  const retryMs = () => RETRY_MS * (0.5 + Math.random());

  const beat = (): void => {
    const now = performance.now();
    for (const stream of streams) {
      stream.beat(deps.stallMs, deps.follow.positionOf(stream.audience));
      if (now - stream.openedAt > deps.longestMs) stream.end(retryMs());
    }
  };
  const timer = setInterval(beat, deps.heartbeatMs);
  deps.leaving.addEventListener('abort', () => {
    for (const stream of streams) stream.end(retryMs());
  });

  const keep = (res: Response, stream: EventStream): void => {
    streams.add(stream);
    deps.metrics.onOpen();
    res.once('close', () => {
      streams.delete(stream);
      deps.metrics.onClose();
    });
  };

  return {
    async open(res, { audience, filter, position, link }) {
      const { onSent, onCut } = deps.metrics;
      const stream = createEventStream(res, { audience, filter, onSent, onCut });
      const followed = deps.follow.follow({ ...stream, link });
      res.once('close', followed.leave);
      try {
        const first = await deps.readFirst({ audience, filter, position });
        const queue = first.images.some(isActive) ? await deps.readQueue() : null;
        const now = new Date();
        const batches = first.batches.map((batch) => batchNews(batch, { queue, link }));
        const images = first.images.map((row) => imageNews(row, { queue, now, position: null, link }));
        if (res.closed) return followed.leave();
        keep(res, stream);
        res.write(`retry: ${Math.round(retryMs())}\n\n`);
        followed.since(first.at);
        followed.readAgain(stream.begin([...batches, ...images], positionAt(first.at), first.resync));
        if (deps.leaving.aborted) stream.end(retryMs());
      } catch (error) {
        followed.leave();
        throw error;
      }
    },
    close: () => clearInterval(timer),
  };
}
