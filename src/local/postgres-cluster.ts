import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PostgresHome } from './postgres-home.ts';
import { waitUntilDone } from './wait-until-ready.ts';
import type { Watchdog } from './watchdog-client.ts';
import type { ProcessSpec } from './watchdog-messages.ts';

/**
 * Runs initdb unless the cluster is there. It works in a folder beside it that takes the right name at the very end, so
 * that a run that was killed halfway is done again; and under the watchdog, so that a kill leaves no initdb.
 */
export async function createPostgresCluster(
  home: PostgresHome,
  options: {
    watchdog: Pick<Watchdog, 'start'>;
    logFolder: string;
    password: string;
    throwaway?: boolean;
    signal: AbortSignal;
  },
): Promise<void> {
  if (existsSync(join(home.data, 'PG_VERSION'))) return;
  const unfinished = `${home.data}.init-${randomUUID().slice(0, 8)}`;
  mkdirSync(dirname(home.data), { recursive: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const passwordFile = join(unfinished, 'password');
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  for (const path of home.user ? [unfinished, passwordFile] : []) {
    chownSync(path, home.user?.uid ?? 0, home.user?.gid ?? 0);
  }
  const cluster = join(unfinished, 'data');
  const initdb = await options.watchdog.start(describeInitdb(home, { ...options, cluster, passwordFile }));
  await waitUntilDone(initdb, options.signal);
  renameSync(cluster, home.data);
  rmSync(unfinished, { recursive: true });
}

/**
 * The builtin locale provider sorts and folds the same on every system; C.UTF-8 of the system's library is not
 * everywhere.
 */
function describeInitdb(
  home: PostgresHome,
  options: { cluster: string; passwordFile: string; logFolder: string; throwaway?: boolean },
): ProcessSpec {
  return {
    name: 'initdb',
    command: join(home.programs, 'bin', 'initdb'),
    args: [
      `--pgdata=${options.cluster}`,
      '--username=postgres',
      `--pwfile=${options.passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(options.throwaway ? ['--no-sync'] : []),
    ],
    env: { LC_ALL: 'C' },
    cwd: '/',
    ...(home.user && { user: home.user }),
    logFile: join(options.logFolder, 'initdb.log'),
    stop: { signal: 'SIGTERM', graceMs: 1_000, hurrySignal: 'SIGKILL' },
    runsToEnd: true,
  };
}
