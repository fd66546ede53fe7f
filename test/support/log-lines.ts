import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';

export type LogLine = Record<string, unknown> & { level: number; msg?: string };

/** A logger that keeps what it writes, down to the most talkative level. */
export function createLogLines(): {
  log: Logger;
  lines: LogLine[];
  text(): string;
  of(message: string): LogLine[];
} {
  const lines: LogLine[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine);
      done();
    },
  });
  return {
    log: pino({ level: 'trace' }, sink),
    lines,
    text: () => lines.map((line) => JSON.stringify(line)).join('\n'),
    of: (message) => lines.filter(({ msg }) => msg === message),
  };
}
