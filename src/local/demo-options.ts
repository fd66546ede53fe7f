import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { LOG_LEVEL } from '../shared/logger.ts';

export const USAGE = `Usage: script/demo [--once] [--data-dir <folder>]

Starts Darkroom with everything it needs on this machine, makes one image through the API and keeps serving until
Ctrl-C. With GEMINI_API_KEY in the environment the real model draws; without it, a simulator does.

  --once               stop after the image, with nothing but its record as JSON on stdout
  --data-dir <folder>  keep data, ports and logs there instead of in .data
  --help               show this
`;

export type DemoFlags = { once: boolean; help: boolean; dataDir: string };

/** Reads the command line. Returns the problem as text when it cannot be understood. */
export function parseDemoFlags(args: string[]): DemoFlags | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
        'data-dir': { type: 'string', default: fileURLToPath(new URL('../../.data', import.meta.url)) },
      },
    });
    return { once: values.once, help: values.help, dataDir: resolve(values['data-dir']) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const text = z.string().optional();

/**
 * The environment of the demo. Of the rest of ours nothing reaches the stack: a SUPABASE_URL that somebody exported for
 * production must not.
 */
export const demoEnvironment = z.object({
  GEMINI_API_KEY: text,
  LOG_LEVEL,
  PATH: z.string(),
  HOME: text,
  TMPDIR: text,
  TZ: text,
  NODE_EXTRA_CA_CERTS: text,
  NODE_USE_ENV_PROXY: text,
  HTTPS_PROXY: text,
  NO_PROXY: text,
});

/** The part that every process of the stack inherits. */
export function selectBaseEnv(
  env: z.output<typeof demoEnvironment>,
): Record<string, string> & { PATH: string } {
  const { GEMINI_API_KEY: _key, LOG_LEVEL: _level, ...base } = env;
  const set = Object.entries(base).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(set), PATH: env.PATH };
}
