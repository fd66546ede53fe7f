import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Logger } from '../../shared/logger.ts';

export const MOST_STREAMS = 5;
/** A process that has not said so for this long no longer lives, and its streams count no more. */
const PROCESS_LIVES_MS = 3_000;
const BEAT_MS = 1_000;
/** Longer than a stream lasts. */
const KEPT_MS = 7_200_000;

/**
 * Takes a place among a caller's streams, unless all are taken by streams of processes that live. KEYS: the places. ARGV:
 * what stands before a process's id in its key, the process, the stream, how many, milliseconds of both keys.
 */
const TAKE_SCRIPT = `
for _, taken in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. string.match(taken, '^[^ ]+')) == 0 then redis.call('SREM', KEYS[1], taken) end
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('SET', ARGV[1] .. ARGV[2], '1', 'PX', ARGV[5])
redis.call('SADD', KEYS[1], ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1`;

export type EventPlaces = {
  /** Answers what gives the place back, or null: the caller has as many streams as may be. */
  take(laneKey: string): Promise<(() => void) | null>;
  close(): void;
};

/**
 * Counts the streams of each caller over all API processes. A place is its process's, so none is lost with a process that
 * is killed. While Redis is away nobody is refused.
 */
export function createEventPlaces(deps: { redis: Redis; prefix: string; log: Logger }): EventPlaces {
  const { redis, prefix, log } = deps;
  const processId = randomUUID();
  const processPrefix = `${prefix}:api:`;
  const placesOf = (laneKey: string) => `${prefix}:streams:${laneKey}`;
  const held = new Map<string, string>();
  const onAway = (error: unknown) => log.debug({ err: error }, 'event_places.not_counted');

  const beat = async (): Promise<void> => {
    if (held.size === 0) return;
    const known = await redis.set(processPrefix + processId, '1', 'PX', PROCESS_LIVES_MS, 'GET');
    if (known !== null) return;
    // Redis was restarted, or this process stood still: what it holds may have been forgotten.
    const again = redis.pipeline();
    for (const [stream, laneKey] of held) again.sadd(placesOf(laneKey), `${processId} ${stream}`);
    for (const laneKey of new Set(held.values())) again.pexpire(placesOf(laneKey), KEPT_MS);
    await again.exec();
  };
  const timer = setInterval(() => void beat().catch(onAway), BEAT_MS);

  return {
    async take(laneKey) {
      const stream = randomUUID();
      const key = placesOf(laneKey);
      const taken = await redis
        .eval(TAKE_SCRIPT, 1, key, processPrefix, processId, stream, MOST_STREAMS, PROCESS_LIVES_MS, KEPT_MS)
        .catch(onAway);
      if (taken === 0) return null;
      held.set(stream, laneKey);
      return () => {
        if (held.delete(stream)) void redis.srem(key, `${processId} ${stream}`).catch(onAway);
      };
    },
    close: () => clearInterval(timer),
  };
}
