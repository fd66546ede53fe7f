import { join } from 'node:path';
import pg from 'pg';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { ensureDatabase, startPostgres } from '../../src/local/postgres.ts';
import { prepareDatabase } from '../../src/local/prepare-database.ts';
import { startRedis } from '../../src/local/redis.ts';
import { createSecret } from '../../src/local/stack-settings.ts';
import type { Watchdog } from '../../src/local/watchdog-client.ts';
import type { TestEnvironment } from './test-environment.ts';

const TEMPLATE = 'darkroom_template';

/** Starts one Redis and one Postgres for a whole test run, with a database of all migrations to be cloned. */
export async function startTestServers(options: {
  folder: string;
  watchdog: Pick<Watchdog, 'start'>;
  path: string;
  signal: AbortSignal;
}): Promise<TestEnvironment> {
  const { folder, watchdog, path, signal } = options;
  const [redisPort = 0, postgresPort = 0] = await findFreePorts(2);
  const password = createSecret();
  const common = { watchdog, dataDir: folder, logFolder: join(folder, 'logs'), password, signal };
  const [redis, postgres] = await Promise.all([
    startRedis({ ...common, port: redisPort, path }),
    startPostgres({ ...common, port: postgresPort, throwaway: true }),
  ]);
  await prepareDatabase(await ensureDatabase(postgres.url, TEMPLATE));
  await closeTemplate(postgres.url);
  return { TEST_POSTGRES_URL: postgres.url, TEST_REDIS_URL: redis.url, TEST_TEMPLATE: TEMPLATE };
}

/** A database that somebody is connected to cannot be cloned, so nobody may. */
async function closeTemplate(serverUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`alter database ${TEMPLATE} with is_template true allow_connections false`);
  } finally {
    await client.end();
  }
}
