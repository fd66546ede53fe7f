import { AsyncLocalStorage } from 'node:async_hooks';
import { type Announced, audienceOf } from '../../shared/change-streams.ts';
import type { Found, Look } from '../../shared/event-store.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Store } from '../../shared/store.ts';
import type { Changes } from '../changes.ts';
import type { ReadQueue } from '../queue-snapshot.ts';
import { isActive } from '../record.ts';
import { followBatches } from './follow-batches.ts';
import { batchNews, imageNews, type NewsFor } from './news.ts';

/** Reads begin so long after the one before has ended: a change alone is read at once, those that come meanwhile together. */
const GATHER_MS = 10;
const MOST_A_READ = 200;
const REST_AFTER_FAILURE_MS = 500;
/** Longer than a statement may take: what a look did not see since its transaction had not ended, the next one does. */
const LOOK_BACK_MS = 12_000;
const ONCE = { repeatForMs: 0, timeoutMs: 8_000 };

export type FollowChanges = {
  /** From now on; `since` sets from when on rows are looked at for an audience that nobody followed before. */
  follow(follower: NewsFor): { since(at: string): void; readAgain(batchIds: string[]): void; leave(): void };
  /** Up to where what was announced has been told. */
  positionOf(audience: string): string | null;
  /** Rows that were written meanwhile, whether they were announced or not. */
  look(): Promise<void>;
  close(): void;
};

/**
 * Follows the changes of the audiences that have streams open in this process. What Redis announces is read at once, all of
 * a moment by one call for all streams; the rows themselves are asked every few seconds what was written, so that what was
 * never announced, or not heard, is told as well.
 */
export function createFollowChanges(deps: {
  store: Pick<Store, 'listChanges' | 'getChanges'>;
  changes: Pick<Changes, 'onChange'>;
  readQueue: ReadQueue;
  lookEveryMs: number;
  log: Logger;
}): FollowChanges {
  const { store, log } = deps;
  const followers = new Map<string, Set<NewsFor>>();
  const since = new Map<string, string>();
  const positions = new Map<string, string>();
  /** Images to be read, in the order of their last announcement, with its position. */
  let images = new Map<string, string | null>();
  let timer: NodeJS.Timeout | undefined;
  let reading: Promise<void> | null = null;
  let looking: Promise<void> | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  let closed = false;
  const batches = followBatches(() => wake());
  /** Reads are for all streams: they are no part of the request, and its trace, that happened to ask for one. */
  const apart = AsyncLocalStorage.snapshot();

  const wake = (afterMs = readAt + GATHER_MS - performance.now()): void => {
    if (timer || reading || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      reading = apart(readAll).then((isRead) => {
        reading = null;
        readAt = performance.now();
        if (images.size > 0 || batches.isDue()) wake(isRead ? GATHER_MS : REST_AFTER_FAILURE_MS);
      });
    }, afterMs);
  };

  /** Those with a position stay in the order of these, which clients go on from. */
  const hint = (id: string, position: string | null): void => {
    if (position !== null) images.delete(id);
    if (!images.has(id)) images.set(id, position);
    wake();
  };

  /** False: it could not be read, and is still to be. */
  async function readAll(): Promise<boolean> {
    while ((images.size > 0 || batches.isDue()) && !closed) {
      const all = [...images];
      const some = new Map(all.slice(0, MOST_A_READ));
      images = new Map(all.slice(MOST_A_READ));
      const dueBatches = batches.take();
      try {
        const ids = [...some.keys()];
        const found = await store.getChanges(ids, dueBatches, ONCE);
        await tellAll(some, found);
      } catch (error) {
        log.debug({ err: error }, 'changes.not_read');
        // What has been announced again meanwhile stands where it stands.
        images = new Map([...[...some].filter(([id]) => !images.has(id)), ...images]);
        batches.giveBack(dueBatches);
        return false;
      }
    }
    return true;
  }

  async function tellAll(asked: Map<string, string | null>, found: Found): Promise<void> {
    const queue = found.images.some(isActive) ? await deps.readQueue() : null;
    const now = new Date();
    const rows = new Map(found.images.map((row) => [row.id, row]));
    for (const [id, position] of asked) {
      const row = rows.get(id);
      const audience = row && audienceOf(row);
      if (!row || !audience) continue;
      if (row.batch_id && followers.has(audience)) batches.touch(row.batch_id);
      for (const follower of followers.get(audience) ?? []) {
        follower.tell(imageNews(row, { queue, now, position, link: follower.link }));
      }
      if (position !== null && followers.has(audience)) positions.set(audience, position);
    }
    for (const batch of found.batches) {
      batches.seen(batch);
      for (const follower of followers.get(audienceOf(batch) ?? '') ?? []) {
        follower.tell(batchNews(batch, { queue, link: follower.link }));
      }
    }
  }

  deps.changes.onChange(({ kind, id, position, audience }: Announced) => {
    const listening = audience === null ? undefined : followers.get(audience);
    if (!listening) return;
    if (kind === 'image') {
      if ([...listening].some((follower) => follower.mayWant(id))) hint(id, position);
      return;
    }
    batches.touch(id);
    // With a batch many of its images have changed, of which each is not announced.
    void look();
  });

  async function lookOnce(): Promise<void> {
    let looks: Look[] = [...since].map(([audience, at]) => ({ audience, since: back(at), id: null }));
    while (looks.length > 0 && !closed) {
      const { at, changes, more } = await store.listChanges(looks, ONCE);
      for (const change of changes) {
        const audience = followers.get(change.audience);
        if (!audience) continue;
        if ([...audience].some((follower) => follower.isNews(change))) {
          hint(change.id, null);
          if (change.batch_id) batches.touch(change.batch_id);
        }
      }
      const unfinished = new Set(more.map(({ audience }) => audience));
      for (const { audience } of looks) {
        if (since.has(audience) && !unfinished.has(audience)) since.set(audience, at);
      }
      looks = more;
    }
    batches.touchEnding();
  }

  function look(): Promise<void> {
    looking ??= lookOnce()
      .catch((error: unknown) => log.debug({ err: error }, 'changes.not_looked_at'))
      .finally(() => {
        looking = null;
      });
    return looking;
  }
  const lookTimer = setInterval(() => void look(), deps.lookEveryMs);

  return {
    follow(follower) {
      const { audience } = follower;
      const ofAudience = followers.get(audience) ?? new Set();
      followers.set(audience, ofAudience.add(follower));
      return {
        since(at) {
          if (followers.get(audience) === ofAudience && !since.has(audience)) since.set(audience, at);
        },
        readAgain: (batchIds) => batches.giveBack(batchIds),
        leave() {
          ofAudience.delete(follower);
          if (ofAudience.size > 0 || followers.get(audience) !== ofAudience) return;
          for (const known of [followers, since, positions]) known.delete(audience);
        },
      };
    },
    positionOf: (audience) => positions.get(audience) ?? null,
    look,
    close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(lookTimer);
      batches.close();
    },
  };
}

/** So much before a moment of the database's, in its own notation. */
export const back = (at: string, ms = LOOK_BACK_MS) => new Date(Date.parse(at) - ms).toISOString();
