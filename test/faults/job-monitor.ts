import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { TestStack } from '../support/test-stack.ts';
import { readMostSlots, recordMostSlots } from './most-slots.ts';

const EVERY_MS = 100;
const LISTS = ['wait', 'active', 'paused'];
const SETS = ['delayed', 'prioritized', 'completed', 'failed'];

export type JobMonitor = {
  /** How many jobs Redis holds now. */
  jobs(): Promise<number>;
  /** Looks once more than it does by itself. */
  sample(): Promise<void>;
  /** When Redis was seen with more jobs than the most slots that there ever were and the margin allow. */
  crowds(): string[];
  stop(): Promise<void>;
};

/** Counts the jobs in Redis all the time and holds them to the slots that the database had. */
export async function startJobMonitor(
  sql: TestStack['sql'],
  redisUrl: string,
  prefix: string,
): Promise<JobMonitor> {
  await recordMostSlots(sql);
  // A Redis that is away or frozen is nothing to wait for: there is no sample then.
  const redis = new Redis(redisUrl, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 50,
  });
  redis.on('error', () => undefined);
  const stopped = new AbortController();
  const tooMany: string[] = [];

  const jobIds = async (): Promise<string[]> => {
    const ids = redis.multi();
    for (const name of LISTS) ids.lrange(`${prefix}:generations:${name}`, 0, -1);
    for (const name of SETS) ids.zrange(`${prefix}:generations:${name}`, '0', '-1');
    return ((await ids.exec()) ?? []).flatMap(([, found]) => found as string[]);
  };
  const sample = async (): Promise<void> => {
    const ids = await jobIds().catch((): string[] => []);
    const mostSlots = await readMostSlots(sql);
    const most = mostSlots + Math.max(4, 2 * mostSlots);
    const { open, ours } = await count(sql, ids);
    // A job whose image has ended or gone back may be there longer: BullMQ is told later, or, if away, by a stall.
    if (open > most || ours > most + mostSlots)
      tooMany.push(`${ours} jobs, ${open} of them to do, with ${mostSlots} slots`);
  };
  const sampling = (async () => {
    while (!stopped.signal.aborted) {
      await sample();
      await delay(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();

  return {
    jobs: async () => (await jobIds()).length,
    sample,
    crowds: () => tooMany,
    async stop() {
      stopped.abort();
      redis.disconnect();
      await sampling;
    },
  };
}

/** How many of the jobs were released (not put there by hand), and how many of these are to be taken or in work. */
async function count(sql: TestStack['sql'], ids: string[]): Promise<{ open: number; ours: number }> {
  const [row] = await sql<{ open: number; ours: number }>(
    `select count(*)::int as ours, count(*) filter (
       where j.epoch = g.release_epoch
         and (g.status = 'processing' or (g.status = 'pending' and g.released_at is not null))
     )::int as open
     from (
       select split_part(name, '_', 1)::uuid as id, split_part(name, '_', 2)::int as epoch
       from unnest($1::text[]) as n (name) where name ~ '^[0-9a-f-]{36}_[0-9]+$'
     ) j
     join public.generated_images g on g.id = j.id and j.epoch <= g.release_epoch`,
    [ids],
  );
  return row ?? { open: 0, ours: 0 };
}
