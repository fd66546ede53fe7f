import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import {
  ANNOUNCE_SCRIPT,
  audienceOf,
  type Changed,
  type ChangedKind,
  changeStreamKey,
  nameOf,
  STREAM_KEPT_MS,
  STREAM_LENGTH,
} from './change-streams.ts';
import { CoalescedRedis } from './coalesced-redis.ts';
import type { Job } from './generation.ts';
import type { Logger } from './logger.ts';

export const QUEUE_NAME = 'generations';

/** A producer that waits for Redis would hold up requests: the row is safe, reconcile adds the job. */
const ADD_TIMEOUT_MS = 1_500;

const PRODUCER = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: 1_000,
  connectTimeout: 1_000,
  retryStrategy: (times: number) => Math.min(1_000, 50 * times),
} satisfies RedisOptions;

/** Where cancels are announced: the image's id is the message. */
export const cancelChannel = (prefix: string) => `${prefix}:cancel`;
/** Where changes are announced to all APIs; `readAnnounced` reads the messages. */
export const changeChannel = (prefix: string) => `${prefix}:changed`;

export type JobQueue = {
  /** Adds jobs; those that Redis still has are left as they are. Rejects within 1.5 s when Redis does not answer. */
  add(jobs: Job[]): Promise<void>;
  /** Tells the workers at once; a message that is lost costs them no more than until their next beat. */
  announceCancel(imageId: string): void;
  /** Tells those who wait for a change of the image or batch; without it they find out by themselves in a few seconds. */
  announceChange(changed: Changed, kind?: ChangedKind): void;
  /** BullMQ's own view of the queue, to look at; whoever changes something by it is on their own. */
  inspected(): Queue;
  /** Rejects when Redis does not answer. */
  ping(): Promise<void>;
  /** Calls back each time that Redis can be reached again (and the first time). */
  onReady(listener: () => void): void;
  close(): Promise<void>;
};

/**
 * The way into Redis. A job's id is `{row id}_{release epoch}`, so adding it twice is adding it once; it leaves
 * nothing behind when it ends, since a kept job would swallow the same id later.
 */
export function createJobQueue(options: { redisUrl: string; prefix: string; log: Logger }): JobQueue {
  const connection = new CoalescedRedis(options.redisUrl, {
    ...PRODUCER,
    scripts: { announceChange: { lua: ANNOUNCE_SCRIPT, numberOfKeys: 1 } },
  }) as Redis & { announceChange(...args: (string | number)[]): Promise<unknown> };
  logOutages(connection, options.log);
  const queue = new Queue(QUEUE_NAME, {
    connection,
    prefix: options.prefix,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  // BullMQ repeats the connection's errors, which logOutages has told.
  queue.on('error', (error) => options.log.debug({ detail: error.message }, 'queue.error'));

  const publish = (channel: string, message: string): void => {
    connection
      .publish(channel, message)
      .catch((error: unknown) => options.log.debug({ err: error, channel }, 'message.not_sent'));
  };

  const announceChange = (changed: Changed, kind: ChangedKind = 'image'): void => {
    const channel = changeChannel(options.prefix);
    const name = nameOf(kind, changed.id);
    const audience = audienceOf(changed);
    if (audience === null) {
      publish(channel, name);
      return;
    }
    const key = changeStreamKey(options.prefix, audience);
    connection
      .announceChange(key, STREAM_LENGTH, STREAM_KEPT_MS, channel, name, audience)
      .catch((error: unknown) => options.log.debug({ err: error, channel }, 'message.not_sent'));
  };

  return {
    async add(jobs) {
      if (jobs.length === 0) return;
      const added = queue.addBulk(
        jobs.map(({ id, epoch }) => ({
          name: 'generation',
          data: { id, epoch },
          opts: { jobId: `${id}_${epoch}` },
        })),
      );
      await withTimeout(added, ADD_TIMEOUT_MS, 'Redis did not take the jobs in time');
    },
    announceCancel: (imageId) => publish(cancelChannel(options.prefix), imageId),
    announceChange,
    inspected: () => queue,
    async ping() {
      await withTimeout(connection.ping(), ADD_TIMEOUT_MS, 'Redis did not answer in time');
    },
    onReady(listener) {
      connection.on('ready', listener);
      if (connection.status === 'ready') listener();
    },
    async close() {
      connection.disconnect();
      await Promise.race([queue.close(), delay(ADD_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

/** One line when Redis goes away and one when it is back; ioredis tells every failed attempt. */
export function logOutages(connection: Redis, log: Logger): void {
  let away = false;
  connection.on('error', (error) => {
    if (!away) log.warn({ detail: error.message }, 'redis.away');
    away = true;
  });
  connection.on('ready', () => {
    if (away) log.info('redis.back');
    away = false;
  });
}

async function withTimeout<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      promise,
      delay(ms, undefined, { signal: stop.signal }).then(() => {
        throw new Error(message);
      }),
    ]);
  } finally {
    stop.abort();
    // Whichever lost the race may still reject, and nobody waits for it any more.
    promise.catch(() => undefined);
  }
}
