import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import pg from 'pg';
import { findFreePorts } from '../src/local/free-ports.ts';
import { createSupabaseKeys } from '../src/local/gateway-keys.ts';
import { createTestDatabase } from '../test/support/postgres.ts';
import { readTestEnvironment } from '../test/support/test-environment.ts';
import { type Child, logged, startChild } from './child.ts';
import { type CpuShares, createReadShares } from './cpu-shares.ts';

export type Env = Record<string, string>;

/** All of Darkroom, each part in a process of its own as it is deployed, so that one sees whose CPU time it is. */
export type BenchStack = {
  env: Env;
  supabaseUrl: string;
  geminiUrl: string;
  sql<Row extends pg.QueryResultRow>(statement: string, params?: unknown[]): Promise<Row[]>;
  databaseUrl: string;
  createUser(): Promise<{ id: string; token: string }>;
  /** Another process of the benchmark's, which goes with the stack. */
  start(name: string, file: string, env?: Env): Child;
  startApi(env?: Env): Promise<{ url: string; child: Child }>;
  startWorker(env?: Env): Promise<Child>;
  /** From now on each image of the simulator takes so long and has so many bytes. */
  setGemini(defaults: Record<string, unknown>): Promise<void>;
  /** Seconds of CPU to each second, by process, since the call before. */
  readShares: () => Promise<CpuShares>;
  stop(): Promise<void>;
};

export async function startBenchStack(): Promise<BenchStack> {
  const jwtSecret = randomBytes(32).toString('hex');
  const { TEST_REDIS_URL } = readTestEnvironment();
  const database = await createTestDatabase({ migrated: true });
  const owner = new pg.Pool({ connectionString: database.url, max: 2 });
  owner.on('error', () => undefined);
  const storageDir = await mkdtemp(join(tmpdir(), 'darkroom-bench-'));
  const [gatewayPort = 0] = await findFreePorts(1);
  const gateway = startChild('src/local/gateway-main.ts', {
    DATABASE_URL: database.url,
    STORAGE_DIR: storageDir,
    JWT_SECRET: jwtSecret,
    PORT: `${gatewayPort}`,
  });
  await gateway.read(logged('gateway.started'));
  const gemini = startChild('src/local/gemini/main.ts', { HOST: '127.0.0.1', PORT: '0' });
  const geminiUrl = await gemini.read((line) => /Gemini simulator on (\S+)/.exec(line)?.[1]);
  const { serviceRoleKey } = await createSupabaseKeys(jwtSecret);
  const supabaseUrl = `http://127.0.0.1:${gatewayPort}`;
  const children = new Map<string, Child>([
    ['gateway', gateway],
    ['simulator', gemini],
  ]);
  const env: Env = {
    SUPABASE_URL: supabaseUrl,
    SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey,
    SUPABASE_JWT_SECRET: jwtSecret,
    REDIS_URL: TEST_REDIS_URL,
    QUEUE_PREFIX: `bench-${randomUUID()}`,
    HOST: '127.0.0.1',
    PORT: '0',
    GEMINI_API_KEY: 'simulator',
    GEMINI_BASE_URL: geminiUrl,
    // They count, as in production, and never refuse.
    RATE_LIMIT_SUBMIT: '1000000000',
    RATE_LIMIT_REQUEST: '1000000000',
  };
  await owner.query('update public.settings set max_pending = 100000000');
  const start: BenchStack['start'] = (name, file, extra = {}) => {
    const child = startChild(file, { ...env, ...extra });
    children.set(`${name} ${child.pid}`, child);
    return child;
  };

  return {
    env,
    supabaseUrl,
    geminiUrl,
    databaseUrl: database.url,
    start,
    sql: async (statement, params = []) => (await owner.query(statement, params)).rows,
    async createUser() {
      const id = randomUUID();
      await owner.query('insert into auth.users (id, email) values ($1, $2)', [id, `${id}@example.com`]);
      const token = await new SignJWT({ role: 'authenticated', sub: id })
        .setProtectedHeader({ alg: 'HS256' })
        .setAudience('authenticated')
        .setIssuer(`${supabaseUrl}/auth/v1`)
        .setIssuedAt()
        .setExpirationTime('6h')
        .sign(new TextEncoder().encode(jwtSecret));
      return { id, token };
    },
    async startApi(extra = {}) {
      const child = start('api', 'src/api/main.ts', { LOG_LEVEL: 'info', ...extra });
      const { url } = await child.read(logged('api.started'));
      return { url: String(url), child };
    },
    async startWorker(extra = {}) {
      const child = start('worker', 'src/worker/main.ts', { LOG_LEVEL: 'info', ...extra });
      await child.read(logged('worker.started'));
      return child;
    },
    async setGemini(defaults) {
      const init = { method: 'PUT', headers: { 'content-type': 'application/json' } };
      const answer = await fetch(`${geminiUrl}/_simulator/defaults`, {
        ...init,
        body: JSON.stringify(defaults),
      });
      if (!answer.ok) throw new Error(`The simulator refused its settings: ${await answer.text()}`);
    },
    readShares: createReadShares({ children, owner, redisUrl: TEST_REDIS_URL }),
    async stop() {
      for (const child of [...children.values()].toReversed()) await child.stop();
      await owner.end();
      await database.drop();
      await rm(storageDir, { recursive: true, force: true });
    },
  };
}
