import { join } from 'node:path';
import pg from 'pg';
import { createPostgresCluster } from './postgres-cluster.ts';
import { choosePostgresHome, type PostgresHome } from './postgres-home.ts';
import { clearPostgresLeftovers } from './postgres-leftovers.ts';
import { StackError } from './stack-error.ts';
import { waitUntilReady } from './wait-until-ready.ts';
import type { RunningProcess, Watchdog } from './watchdog-client.ts';
import type { ProcessSpec } from './watchdog-messages.ts';

const INVALID_PASSWORD = '28P01';

/** What the servers of the stack have in common: who watches them, where they keep things, and when to give up. */
export type ServerOptions = {
  watchdog: Pick<Watchdog, 'start'>;
  dataDir: string;
  logFolder: string;
  port: number;
  password: string;
  signal: AbortSignal;
};

/** For data that is thrown away, nothing waits for the disk; and a test suite connects from many processes at once. */
const THROWAWAY_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

/**
 * Starts PostgreSQL on 127.0.0.1 and waits until it answers; the first time it makes the cluster. Returns the
 * superuser's URL. `throwaway` trades safety for speed. Throws a StackError with the tail of its log when it does not come up.
 */
export async function startPostgres(
  options: ServerOptions & { throwaway?: boolean },
): Promise<{ url: string; process: RunningProcess }> {
  const home = choosePostgresHome(options.dataDir);
  await clearPostgresLeftovers(home.data);
  await createPostgresCluster(home, options);
  const url = `postgres://postgres:${options.password}@127.0.0.1:${options.port}/postgres`;
  const process = await options.watchdog.start(describeServer(home, options));
  await waitUntilReady({ process, check: () => acceptsConnections(url, home), signal: options.signal });
  return { url, process };
}

/** Makes a database unless it is there, and returns its URL. */
export async function ensureDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** No Unix socket: its path may hold 107 bytes at most, which a checkout's place easily exceeds. */
function describeServer(
  home: PostgresHome,
  options: { logFolder: string; port: number; throwaway?: boolean },
): ProcessSpec {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.throwaway && THROWAWAY_SETTINGS),
  };
  return {
    name: 'postgres',
    command: join(home.programs, 'bin', 'postgres'),
    args: [
      '-D',
      home.data,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: { LC_ALL: 'C' },
    cwd: '/',
    ...(home.user && { user: home.user }),
    logFile: join(options.logFolder, 'postgres.log'),
    // SIGINT is a fast shutdown: it ends the sessions and waits for no client.
    stop: { signal: 'SIGINT', graceMs: 30_000, hurrySignal: 'SIGQUIT' },
  };
}

async function acceptsConnections(url: string, home: PostgresHome): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A connection that breaks after it was refused is no news.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === INVALID_PASSWORD) {
      throw new StackError(
        `The password in stack.json is not that of the database in ${home.data}: put the old one back, or remove the data folder to begin anew.`,
      );
    }
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
