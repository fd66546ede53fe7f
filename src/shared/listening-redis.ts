import type { Redis } from 'ioredis';
import { CoalescedRedis } from './coalesced-redis.ts';
import type { Logger } from './logger.ts';
import { logOutages } from './queue.ts';

/**
 * A connection that waits for jobs or messages, and comes back within a second or two of an outage instead of BullMQ's
 * up to twenty: waiting rows are waiting callers. BullMQ works on a copy of it, which only the null that retryStrategy
 * gives after `leave` can keep from reconnecting for ever.
 */
export function openListeningRedis(redisUrl: string, log: Logger): { connection: Redis; leave(): void } {
  let left = false;
  const connection = new CoalescedRedis(redisUrl, {
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (left ? null : Math.min(1_500, 50 * times)),
  });
  logOutages(connection, log);
  return {
    connection,
    leave() {
      left = true;
      connection.disconnect();
    },
  };
}
