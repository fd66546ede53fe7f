import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { findFreePorts, isPortFree } from './free-ports.ts';
import { isSystemError, StackError } from './stack-error.ts';

const port = z.number().int().min(1).max(65_535);

const settingsSchema = z.object({
  ports: z.object({ api: port, supabase: port, gemini: port, redis: port, postgres: port }),
  secrets: z.object({
    jwtSecret: z.string().min(32),
    redisPassword: z.string().min(1),
    postgresPassword: z.string().min(1),
  }),
});

/** What the stack chose at its first start and keeps, so that yesterday's `image_url` works today. */
export type StackSettings = z.infer<typeof settingsSchema>;

/** Reads `stack.json` of the data folder, or makes it (0600). Throws a StackError when it is there but unusable. */
export async function loadStackSettings(dataDir: string): Promise<StackSettings> {
  const file = join(dataDir, 'stack.json');
  const text = readSettings(file);
  if (text === null) return createSettings(file);
  const parsed = settingsSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new StackError(
    `${file} cannot be used: ${z.prettifyError(parsed.error)}\nRepair it, or remove ${dataDir} to begin anew.`,
  );
}

/** Throws a StackError that names each port that another program holds, and says what to do. */
export async function assertPortsFree(dataDir: string, ports: Record<string, number>): Promise<void> {
  const taken: string[] = [];
  for (const [name, number] of Object.entries(ports)) {
    if (!(await isPortFree(number))) taken.push(`${number} ("${name}")`);
  }
  if (taken.length === 0) return;
  throw new StackError(
    `Port ${taken.join(', ')} is in use by another program: stop that program, or write a free port in ${join(dataDir, 'stack.json')}.`,
  );
}

async function createSettings(file: string): Promise<StackSettings> {
  const [api = 0, supabase = 0, gemini = 0, redis = 0, postgres = 0] = await findFreePorts(5);
  const settings: StackSettings = {
    ports: { api, supabase, gemini, redis, postgres },
    secrets: { jwtSecret: createSecret(), redisPassword: createSecret(), postgresPassword: createSecret() },
  };
  writeFileSync(`${file}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return settings;
}

/** 32 random bytes in characters that need no escape in a URL, a config file or SQL. */
export function createSecret(): string {
  return randomBytes(32).toString('hex');
}

function readSettings(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
