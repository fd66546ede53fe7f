import type { Redis } from 'ioredis';
import { CoalescedRedis } from '../shared/coalesced-redis.ts';
import type { Logger } from '../shared/logger.ts';

/** A connection for what must be quick or not at all: a command that Redis has not answered within `patienceMs` has failed. */
export function openPromptRedis(redisUrl: string, patienceMs: number, log: Logger): Redis {
  const connection = new CoalescedRedis(redisUrl, {
    commandTimeout: patienceMs,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(1_000, 50 * times),
  });
  // The producer's connection tells of the outage.
  connection.on('error', (error) => log.debug({ detail: error.message }, 'redis.error'));
  return connection;
}
