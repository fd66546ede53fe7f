import { EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Logger } from '../../src/shared/logger.ts';
import type { Json } from './api-client.ts';

/** A logger whose lines, of every level, a test can read and wait for. */
export function captureLog() {
  const lines: Json[] = [];
  const news = new EventEmitter();
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      news.emit('line');
      done();
    },
  });
  const log: Logger = pino({ level: 'trace' }, stream);

  return {
    log,
    lines,
    /** The first line with this message, now or later. */
    async line(message: string, matches: (line: Json) => boolean = () => true): Promise<Json> {
      for (;;) {
        const found = lines.find((line) => line.msg === message && matches(line));
        if (found) return found;
        await once(news, 'line', { signal: AbortSignal.timeout(10_000) });
      }
    },
  };
}
