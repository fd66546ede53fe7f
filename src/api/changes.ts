import { setTimeout as delay } from 'node:timers/promises';
import { type Announced, readAnnounced } from '../shared/change-streams.ts';
import { openListeningRedis } from '../shared/listening-redis.ts';
import type { Logger } from '../shared/logger.ts';
import { changeChannel } from '../shared/queue.ts';

/** Hears of the changes of one image, from when it is opened on. */
export type Watch = {
  /** Resolves when the image has changed since the last call, after `ms`, or when `signal` aborts. */
  next(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
};

export type Changes = {
  watch(imageId: string): Watch;
  /** From now on, of everything that is announced. What is announced while Redis is away is missed. */
  onChange(listener: (announced: Announced) => void): void;
  close(): void;
};

/** Tells the requests of this process that wait for an image when it has changed: one connection for all of them. */
export function listenForChanges(options: { redisUrl: string; prefix: string; log: Logger }): Changes {
  const watchers = new Map<string, Set<() => void>>();
  const { connection, leave } = openListeningRedis(options.redisUrl, options.log);
  const listeners = new Set<(announced: Announced) => void>();
  connection.on('message', (_channel, message: string) => {
    const announced = readAnnounced(message);
    for (const tell of watchers.get(announced.id) ?? []) tell();
    for (const listener of listeners) listener(announced);
  });
  connection
    .subscribe(changeChannel(options.prefix))
    .catch((error: unknown) => options.log.debug({ err: error }, 'changes.not_heard'));

  return {
    watch(imageId) {
      let heard = Promise.withResolvers<void>();
      const tell = () => heard.resolve();
      const ofImage = watchers.get(imageId) ?? new Set();
      watchers.set(imageId, ofImage.add(tell));
      return {
        async next(ms, signal) {
          const timer = new AbortController();
          const timeUp = delay(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]) });
          // Aborted is as good as over: whoever asked looks at the signal.
          await Promise.race([heard.promise, timeUp.catch(() => undefined)]);
          timer.abort();
          heard = Promise.withResolvers<void>();
        },
        close() {
          ofImage.delete(tell);
          if (ofImage.size === 0) watchers.delete(imageId);
        },
      };
    },
    onChange: (listener) => void listeners.add(listener),
    close: leave,
  };
}
