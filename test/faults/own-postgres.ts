import { join } from 'node:path';
import pg from 'pg';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { ensureDatabase, startPostgres } from '../../src/local/postgres.ts';
import { prepareDatabase } from '../../src/local/prepare-database.ts';
import { createSecret } from '../../src/local/stack-settings.ts';
import { type RunningProcess, startWatchdog } from '../../src/local/watchdog-client.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

/** A Postgres of one test's own with a database of all migrations, to be killed and started again. */
export type OwnPostgres = {
  database: TestDatabase;
  /** kill -9 of the server; resolves when it is gone. Its backends go with it, without a word to their clients. */
  kill(): Promise<void>;
  /** Comes back on the same port with all that was committed; resolves when it takes connections. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = makeTempFolder();
  const logFolder = join(folder, 'logs');
  const watchdog = await startWatchdog({ runFolder: join(folder, 'run'), logFolder, folderToRemove: folder });
  const [port = 0] = await findFreePorts(1);
  const password = createSecret();
  let starts = 0;
  let running: RunningProcess;
  const start = async (): Promise<string> => {
    starts += 1;
    // The watchdog knows its programs by name.
    const name = `postgres-${starts}`;
    const postgres = await startPostgres({
      dataDir: folder,
      logFolder,
      port,
      password,
      throwaway: true,
      signal: new AbortController().signal,
      watchdog: { start: (spec) => watchdog.start({ ...spec, name }) },
    });
    running = postgres.process;
    return postgres.url;
  };
  const url = await ensureDatabase(await start(), 'darkroom');
  await prepareDatabase(url);
  await keepCommits(url);

  return {
    database: { url, drop: async () => undefined },
    async kill() {
      process.kill(running.pid, 'SIGKILL');
      await running.ended;
    },
    async start() {
      await start();
    },
    stop: watchdog.stop,
  };
}

/** A throwaway server may forget what it confirmed within the last second; for a database, its own setting counts. */
async function keepCommits(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('alter database darkroom set synchronous_commit = on').finally(() => client.end());
}
