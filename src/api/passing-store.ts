import type { ClientRateLimitInfo, Options, Store } from 'express-rate-limit';
import type { Redis } from 'ioredis';
import { RedisStore } from 'rate-limit-redis';
import type { Logger } from '../shared/logger.ts';

/** After a failure Redis is left alone for so long, so that requests do not queue up behind one that hangs. */
const REST_MS = 1_000;

/**
 * Counts in Redis, and lets pass what Redis cannot count; it tells once when that begins and when it is over. The store
 * inside loads its scripts once, which a Redis that is away at that moment would spoil for ever: here it is tried again.
 */
export function createPassingStore(deps: {
  redis: Redis;
  prefix: string;
  onUncounted: () => void;
  log: Logger;
}): Store {
  const { redis, prefix, log } = deps;
  const counts = new RedisStore({
    prefix,
    sendCommand: async (name: string, ...args: string[]) => (await redis.call(name, ...args)) as string,
  });
  let options: Options;
  let isReady = false;
  let isAway = false;
  let restsUntil = 0;

  const count = async (key: string): Promise<ClientRateLimitInfo> => {
    if (!isReady) await counts.init(options);
    isReady = true;
    const counted = await counts.increment(key);
    if (isAway) log.info('rate_limit.back');
    isAway = false;
    return counted;
  };

  const letPass = (): ClientRateLimitInfo => {
    deps.onUncounted();
    return { totalHits: 1, resetTime: new Date(Date.now() + options.windowMs) };
  };

  return {
    prefix,
    init(given) {
      options = given;
    },
    async increment(key) {
      if (performance.now() < restsUntil) return letPass();
      try {
        return await count(key);
      } catch (error) {
        if (!isAway) log.warn({ detail: (error as Error).message }, 'rate_limit.away');
        isAway = true;
        isReady = false;
        restsUntil = performance.now() + REST_MS;
        return letPass();
      }
    },
    decrement: (key) => counts.decrement(key),
    resetKey: (key) => counts.resetKey(key),
  };
}
