import type { Redis } from 'ioredis';
import { audienceOf, changeStreamKey, readAnnounced } from '../../shared/change-streams.ts';
import type { Found } from '../../shared/event-store.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Store } from '../../shared/store.ts';
import { type ResyncReason, timeOf, whyResync } from './event-position.ts';
import type { EventFilter } from './event-stream.ts';
import { back } from './follow-changes.ts';

/** So many images that are under way a stream begins with, the oldest; the others are told when they change. */
const SNAPSHOT_IMAGES = 500;
/** Who missed more is told to read everything again. */
const MOST_MISSED = 1_000;
const MOST_MISSED_BATCHES = 50;
const MOST_A_READ = 200;
/**
 * What was written so long before the position is told again: a change that was never announced may have been on its way,
 * to be found by the next look, when the connection broke.
 */
const RESUME_BACK_MS = 20_000;
const READ = { repeatForMs: 2_000 };

export type First = Found & { resync: ResyncReason | null };

/**
 * What a stream begins with: all that is under way, or, for a client that says where it was, what has changed since. Redis
 * tells that exactly and the rows tell what Redis has lost; both are asked. Of a single image it is always that image.
 */
export type ReadFirst = (asked: {
  audience: string;
  filter: EventFilter;
  position: string | null;
}) => Promise<First>;

export function createReadFirst(deps: {
  store: Pick<Store, 'listChanges' | 'getChanges' | 'getEventSnapshot'>;
  redis: Pick<Redis, 'xrange'>;
  prefix: string;
  log: Logger;
}): ReadFirst {
  const { store } = deps;

  const readStream = async (audience: string, position: string) => {
    const entries = await deps.redis
      .xrange(changeStreamKey(deps.prefix, audience), `(${position}`, '+', 'COUNT', MOST_MISSED + 1)
      .catch((error: unknown) => {
        deps.log.debug({ err: error }, 'changes.not_in_redis');
        return [];
      });
    return entries.map(([, [, name = '']]) => readAnnounced(name));
  };

  /** Null: more than can be told one by one. */
  const readMissed = async (audience: string, position: string): Promise<Found | null> => {
    const since = back(new Date(timeOf(position)).toISOString(), RESUME_BACK_MS);
    const [announced, { at, changes, more }] = await Promise.all([
      readStream(audience, position),
      store.listChanges([{ audience, since, id: null }], READ),
    ]);
    const namesOf = (kind: string) => announced.filter((one) => one.kind === kind).map(({ id }) => id);
    const ids = [...new Set([...changes.map(({ id }) => id), ...namesOf('image')])];
    const batchIds = changes.flatMap(({ batch_id }) => batch_id ?? []);
    const batches = [...new Set([...batchIds, ...namesOf('batch')])];
    if (more.length > 0 || ids.length > MOST_MISSED || batches.length > MOST_MISSED_BATCHES) return null;
    const missed: Found = { at, images: [], batches: [] };
    for (let from = 0; from < ids.length || from === 0; from += MOST_A_READ) {
      const found = await store.getChanges(ids.slice(from, from + MOST_A_READ), from ? [] : batches, READ);
      missed.images.push(...found.images);
      missed.batches.push(...found.batches);
    }
    return missed;
  };

  return async ({ audience, filter, position }) => {
    let resync: ResyncReason | null = position === null ? null : whyResync(position, Date.now());
    if (filter.imageId !== null) return { ...(await store.getChanges([filter.imageId], [], READ)), resync };
    if (position !== null && resync === null) {
      const missed = await readMissed(audience, position);
      const isOwn = (one: Parameters<typeof audienceOf>[0]) => audienceOf(one) === audience;
      if (missed) {
        const { at, images, batches } = missed;
        return { at, images: images.filter(isOwn), batches: batches.filter(isOwn), resync };
      }
      resync = 'too_much';
    }
    const asked = { audience, batchId: filter.batchId, limit: SNAPSHOT_IMAGES };
    return { ...(await store.getEventSnapshot(asked, READ)), resync };
  };
}
