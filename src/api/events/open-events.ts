import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import type { Logger } from '../../shared/logger.ts';
import type { Store } from '../../shared/store.ts';
import type { Changes } from '../changes.ts';
import type { ApiConfig } from '../config.ts';
import type { ReadQueue } from '../queue-snapshot.ts';
import { createEventPlaces, type EventPlaces } from './event-places.ts';
import { createEventStreams, type EventStreams } from './event-streams.ts';
import { createEventsMetrics } from './events-metrics.ts';
import { createFollowChanges } from './follow-changes.ts';
import { createReadFirst } from './read-first.ts';

/** The parts of a process that its streams of events have in common. */
export function openEvents(
  config: Pick<
    ApiConfig,
    'QUEUE_PREFIX' | 'EVENTS_HEARTBEAT_MS' | 'EVENTS_LOOK_EVERY_MS' | 'EVENTS_STALL_MS' | 'EVENTS_LONGEST_MS'
  >,
  deps: {
    store: Store;
    changes: Changes;
    /** One that answers promptly or not at all. */
    redis: Redis;
    readQueue: ReadQueue;
    registry: Registry;
    leaving: AbortSignal;
    log: Logger;
  },
): { eventPlaces: EventPlaces; eventStreams: EventStreams; close(): void } {
  const prefix = config.QUEUE_PREFIX;
  const follow = createFollowChanges({ ...deps, lookEveryMs: config.EVENTS_LOOK_EVERY_MS });
  const eventPlaces = createEventPlaces({ ...deps, prefix });
  const eventStreams = createEventStreams({
    ...deps,
    follow,
    readFirst: createReadFirst({ ...deps, prefix }),
    metrics: createEventsMetrics(deps.registry),
    heartbeatMs: config.EVENTS_HEARTBEAT_MS,
    stallMs: config.EVENTS_STALL_MS,
    longestMs: config.EVENTS_LONGEST_MS,
  });
  return {
    eventPlaces,
    eventStreams,
    close() {
      for (const part of [eventStreams, eventPlaces, follow]) part.close();
    },
  };
}
