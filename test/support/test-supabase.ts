import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type GatewayOptions, startGateway } from '../../src/local/gateway/start-gateway.ts';
import { createSupabaseKeys } from '../../src/local/gateway-keys.ts';
import { prepareSupabaseDatabase } from '../../src/local/supabase-schema.ts';
import { emptySupabase } from './empty-supabase.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { type GivenSupabase, readGivenSupabase } from './test-environment.ts';

/** A Supabase for one test file, empty but for the migrations. */
export type TestSupabase = GivenSupabase & {
  /** Ends what was started for it. */
  stop(): Promise<void>;
};

export type TestSupabaseOptions = {
  /** Instead of one on the server that `script/test` started. It may go away and come back. */
  database?: TestDatabase | undefined;
  gateway?: Partial<Pick<GatewayOptions, 'poolSize' | 'acquireTimeoutMs'>> | undefined;
  /** False: without the migrations. */
  migrated?: boolean;
};

/**
 * The embedded gateway on a database and a folder of this file's own; or, in a run on real servers, those, emptied: files
 * run one after another then.
 */
export async function startTestSupabase(options: TestSupabaseOptions = {}): Promise<TestSupabase> {
  const given = readGivenSupabase();
  if (!given) return startEmbedded(options);
  if (options.database || options.gateway) {
    throw new Error('This test is of the embedded gateway, and this run is on another Supabase.');
  }
  if (options.migrated ?? true) await emptySupabase(given);
  return { ...given, stop: async () => undefined };
}

async function startEmbedded({
  database: own,
  gateway: gatewayOptions,
  migrated = true,
}: TestSupabaseOptions): Promise<TestSupabase> {
  const jwtSecret = randomBytes(32).toString('hex');
  const database = own ?? (await createTestDatabase({ migrated }));
  if (!migrated) await prepare(database.url);
  const storageDir = await mkdtemp(join(tmpdir(), 'darkroom-storage-'));
  const gateway = await startGateway({
    ...gatewayOptions,
    databaseUrl: database.url,
    storageDir,
    jwtSecret,
    host: '127.0.0.1',
    port: 0,
  });
  return {
    url: gateway.url,
    databaseUrl: database.url,
    jwtSecret,
    ...(await createSupabaseKeys(jwtSecret)),
    async stop() {
      await gateway.close();
      await database.drop();
      await rm(storageDir, { recursive: true, force: true });
    },
  };
}

async function prepare(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await prepareSupabaseDatabase(client).finally(() => client.end());
}
