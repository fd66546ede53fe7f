import { type Logger, type LoggerOptions, pino } from 'pino';
import { z } from 'zod';
import { openLogLines } from './log-lines.ts';

export type { Logger } from 'pino';

export const LOG_LEVEL = z
  .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
  .default('info');

/**
 * JSON lines on stdout: `noun.verb` and fields. Headers that carry credentials are taken out wherever they stand, as
 * a second line of defence; prompts, keys, tokens and image bytes are never handed to the logger at all.
 */
export function createLogger(name: string, level: z.output<typeof LOG_LEVEL>): Logger {
  const options: LoggerOptions = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['req.headers.authorization', 'req.headers.cookie', '*.authorization', '*.apikey'],
      remove: true,
    },
  };
  return pino(options, openLogLines());
}
