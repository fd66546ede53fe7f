import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { lockDataFolder } from './data-folder-lock.ts';
import { createAdminToken, createSupabaseKeys } from './gateway-keys.ts';
import { answers } from './http-answer.ts';
import { stopOrphans } from './orphans.ts';
import { readPidFiles } from './pid-files.ts';
import { ensureDatabase, startPostgres } from './postgres.ts';
import { prepareDatabase } from './prepare-database.ts';
import { startRedis } from './redis.ts';
import { StackError } from './stack-error.ts';
import {
  describeApi,
  describeGateway,
  describeSimulator,
  describeWorker,
  type StackPlan,
  urlOf,
} from './stack-processes.ts';
import { assertPortsFree, loadStackSettings, type StackSettings } from './stack-settings.ts';
import { waitUntilReady } from './wait-until-ready.ts';
import { startWatchdog, type Watchdog } from './watchdog-client.ts';
import { whileWatched } from './while-watched.ts';

/** A stack that runs: Redis, Postgres, the Supabase gateway, the Gemini simulator or the real API, API and worker. */
export type Stack = {
  apiUrl: string;
  supabaseUrl: string;
  serviceRoleKey: string;
  /** What the API takes for an admin's. */
  adminToken: string;
  /** What users' access tokens are signed with. */
  jwtSecret: string;
  databaseUrl: string;
  logFolder: string;
};

export type StackOptions = {
  /** Everything the stack keeps; made if need be. One stack at a time. */
  dataDir: string;
  geminiApiKey: string | undefined;
  logLevel: string;
  /** What the processes inherit of our environment; PATH at least. */
  baseEnv: Record<string, string> & { PATH: string };
  /** Told what happens, one line each. */
  say: (line: string) => void;
  /** Its abort stops the stack in order, from the first step on. */
  stopRequested: AbortSignal;
  /** Its abort ends what still runs at once. */
  hurryRequested: AbortSignal;
};

/**
 * Runs the stack for as long as `use` takes, and stops it afterwards whatever happens: nothing is left running when
 * this resolves or rejects, and a kill of this process leaves nothing either.
 *
 * `signal` is aborted when a stop is requested or a process of the stack ends on its own; then this rejects with a
 * StackError that shows the end of its log.
 */
export async function withStack<T>(
  options: StackOptions,
  use: (stack: Stack, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const release = lockDataFolder(options.dataDir);
  try {
    const dataDir = realpathSync(options.dataDir);
    const folders = { runFolder: join(dataDir, 'run'), logFolder: join(dataDir, 'logs') };
    if (readPidFiles(folders.runFolder).length > 0)
      options.say('Waiting for what an earlier run left to stop …');
    await stopOrphans(folders.runFolder);
    const settings = await loadStackSettings(dataDir);
    await assertPortsFree(dataDir, settings.ports);
    const watchdog = await startWatchdog(folders);
    return await whileWatched(watchdog, options, async (start, signal) => {
      const plan = await startServers({ ...options, ...folders, dataDir, settings, start, signal });
      await startPrograms(plan, start, signal);
      const { ports, secrets } = settings;
      const urls = { apiUrl: urlOf(ports.api), supabaseUrl: urlOf(ports.supabase) };
      return use({ ...plan, ...urls, jwtSecret: secrets.jwtSecret }, signal);
    });
  } finally {
    release();
  }
}

/** Redis, Postgres, and in it a database that looks like Supabase's and has our tables. */
async function startServers(
  options: Omit<StackOptions, 'stopRequested' | 'hurryRequested'> & {
    logFolder: string;
    settings: StackSettings;
    start: Watchdog['start'];
    signal: AbortSignal;
  },
): Promise<StackPlan> {
  const { dataDir, logFolder, settings, start, signal, say } = options;
  const { ports, secrets } = settings;
  const common = { watchdog: { start }, dataDir, logFolder, signal };
  const redis = await startRedis({
    ...common,
    port: ports.redis,
    password: secrets.redisPassword,
    path: options.baseEnv.PATH,
  });
  say(`Redis runs on port ${ports.redis}.`);
  const postgres = await startPostgres({
    ...common,
    port: ports.postgres,
    password: secrets.postgresPassword,
  });
  const databaseUrl = await ensureDatabase(postgres.url, 'darkroom');
  const applied = await prepareDatabase(databaseUrl).catch((error: unknown) => {
    throw describeUnfitDatabase(error, dataDir);
  });
  say(
    `PostgreSQL runs on port ${ports.postgres}.${applied > 0 ? ` ${applied} migrations were applied.` : ''}`,
  );
  const { serviceRoleKey } = await createSupabaseKeys(secrets.jwtSecret);
  const adminToken = createAdminToken(secrets.jwtSecret);
  return { ...options, databaseUrl, redisUrl: redis.url, serviceRoleKey, adminToken };
}

async function startPrograms(plan: StackPlan, start: Watchdog['start'], signal: AbortSignal): Promise<void> {
  const gateway = await start(describeGateway(plan));
  const { ports } = plan.settings;
  await waitUntilReady({ process: gateway, check: () => answers(urlOf(ports.supabase)), signal });
  if (plan.geminiApiKey === undefined) {
    const simulator = await start(describeSimulator(plan));
    await waitUntilReady({ process: simulator, check: () => answers(urlOf(ports.gemini)), signal });
  }
  const api = await start(describeApi(plan));
  await start(describeWorker(plan));
  await waitUntilReady({ process: api, check: () => answers(`${urlOf(ports.api)}/readyz`, 200), signal });
}

function describeUnfitDatabase(error: unknown, dataDir: string): StackError {
  const reason = error instanceof Error ? error.message : String(error);
  const way = `If nothing in ${dataDir} is needed any more, remove it to begin anew.`;
  return new StackError(`The database cannot be brought up to date: ${reason}\n${way}`, { cause: error });
}
