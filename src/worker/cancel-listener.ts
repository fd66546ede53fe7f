import { openListeningRedis } from '../shared/listening-redis.ts';
import type { Logger } from '../shared/logger.ts';
import { cancelChannel } from '../shared/queue.ts';

/**
 * Hears of cancels as they are asked for. It makes them quick; the beats make them certain, so what is missed here is
 * no loss.
 */
export function listenForCancels(options: {
  redisUrl: string;
  prefix: string;
  onCancel: (imageId: string) => void;
  log: Logger;
}): { close(): void } {
  const { connection, leave } = openListeningRedis(options.redisUrl, options.log);
  connection.on('message', (_channel, imageId: string) => options.onCancel(imageId));
  connection
    .subscribe(cancelChannel(options.prefix))
    .catch((error: unknown) => options.log.debug({ err: error }, 'cancels.not_heard'));
  return { close: leave };
}
