import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { SignJWT } from 'jose';
import pg from 'pg';
import { apiConfig } from '../../src/api/config.ts';
import { startApi } from '../../src/api/start-api.ts';
import { type GeminiSimulator, startGeminiSimulator } from '../../src/local/gemini/simulator.ts';
import { createLogger, type Logger } from '../../src/shared/logger.ts';
import { workerConfig } from '../../src/worker/config.ts';
import type { FetchUrl } from '../../src/worker/fetch-url.ts';
import type { RequestPublic } from '../../src/worker/public-request.ts';
import { startWorker } from '../../src/worker/start-worker.ts';
import { startTestSupabase, type TestSupabaseOptions } from './test-supabase.ts';

export type Env = Record<string, string>;
export type Running = { stop(): Promise<void> };

/**
 * The whole of Darkroom for one test file: its own database, Storage folder, gateway, Gemini simulator and queue
 * prefix. APIs and workers are started in this process; `env` starts the same as processes of their own.
 */
export type TestStack = {
  /** What an API and a worker need in their environment. Beats, back-offs and timers run about ten times faster. */
  env: Env;
  supabaseUrl: string;
  serviceRoleKey: string;
  anonKey: string;
  gemini: GeminiSimulator;
  /** supabase-js as service_role. */
  supabase: SupabaseClient;
  /** Rows of a statement that the database's owner runs; it is run again when its server goes away meanwhile. */
  sql<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    statement: string,
    params?: unknown[],
  ): Promise<Row[]>;
  /** Runs a statement in a transaction that stays open until the answer is called, which undoes it. */
  holdOpen(statement: string, params?: unknown[]): Promise<() => Promise<void>>;
  /** A user in auth.users with an access token; other claims than the usual ones on request. */
  createUser(claims?: Record<string, unknown>): Promise<{ id: string; token: string }>;
  signToken(claims: Record<string, unknown>, expiresIn?: string): Promise<string>;
  startApi(env?: Env, log?: Logger): Promise<Running & { url: string }>;
  startWorker(
    env?: Env,
    log?: Logger,
    onStuck?: () => void,
    fetchUrl?: FetchUrl,
    requestPublic?: RequestPublic,
  ): Promise<Running & { id: string; url: string | null }>;
  /** Stops whatever runs, newest first, and drops the database. */
  stop(): Promise<void>;
};

export type StackOptions = Omit<TestSupabaseOptions, 'migrated'> & { leaseSeconds?: number };

export async function startTestStack(options: StackOptions = {}): Promise<TestStack> {
  const supabase = await startTestSupabase(options);
  const { url: supabaseUrl, serviceRoleKey, anonKey, jwtSecret } = supabase;
  const owner = new pg.Pool({ connectionString: supabase.databaseUrl, max: 4, application_name: 'test' });
  // Dropping the database, or killing its server, ends connections, which is no fault.
  owner.on('error', () => undefined);
  await owner.query(`update public.settings set lease = make_interval(secs => $1)`, [
    options.leaseSeconds ?? 3,
  ]);
  const gemini = await startGeminiSimulator({ host: '127.0.0.1', port: 0 });
  const running: Running[] = [];

  const env: Env = {
    SUPABASE_URL: supabaseUrl,
    SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey,
    SUPABASE_JWT_SECRET: jwtSecret,
    REDIS_URL: requiredEnv('TEST_REDIS_URL'),
    QUEUE_PREFIX: `test-${randomUUID()}`,
    HOST: '127.0.0.1',
    PORT: '0',
    ANONYMOUS_ACCESS: 'true',
    GEMINI_API_KEY: 'test-key',
    GEMINI_BASE_URL: gemini.url,
    GEMINI_TIMEOUT_MS: '5000',
    WORKER_CONCURRENCY: '4',
    SHUTDOWN_GRACE_MS: '3000',
    RETRY_BASE_MS: '20',
    RETRY_CAP_MS: '200',
    RELEASE_EVERY_MS: '100',
    RECONCILE_EVERY_MS: '300',
    JOB_LOCK_MS: '2000',
    JOB_STALLED_CHECK_MS: '500',
    EXPIRE_EVERY_MS: '300',
    EVENTS_LOOK_EVERY_MS: '200',
    WEBHOOK_ENCRYPTION_KEY: 'a-key-of-the-tests-for-what-they-seal',
    LOG_LEVEL: 'silent',
  };
  const signToken: TestStack['signToken'] = (claims, expiresIn = '1h') =>
    new SignJWT({ role: 'authenticated', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience('authenticated')
      .setIssuer(`${supabaseUrl}/auth/v1`)
      .setIssuedAt()
      .setExpirationTime(expiresIn)
      .sign(new TextEncoder().encode(jwtSecret));
  const keep = <T extends Running>(started: T): T => {
    running.push(started);
    return started;
  };

  return {
    env,
    supabaseUrl,
    serviceRoleKey,
    anonKey,
    gemini,
    supabase: createClient(supabaseUrl, serviceRoleKey, { auth: { persistSession: false } }),
    signToken,
    async sql(statement, params = []) {
      return (await whileAway(() => owner.query(statement, params))).rows;
    },
    async holdOpen(statement, params = []) {
      const connection = await owner.connect();
      await connection.query('begin');
      await connection.query(statement, params);
      return async () => {
        await connection.query('rollback');
        connection.release();
      };
    },
    async createUser(claims = {}) {
      const id = randomUUID();
      const insert = 'insert into auth.users (id, email) values ($1, $2) on conflict do nothing';
      await whileAway(() => owner.query(insert, [id, `${id}@example.com`]));
      return { id, token: await signToken({ sub: id, ...claims }) };
    },
    startApi: async (extra = {}, log = createLogger('api', 'silent')) =>
      keep(await startApi(apiConfig.parse({ ...env, ...extra }), log)),
    startWorker: async (
      extra = {},
      log = createLogger('worker', 'silent'),
      onStuck = unexpectedlyStuck,
      fetchUrl,
      requestPublic,
    ) =>
      keep(
        await startWorker(workerConfig.parse({ ...env, ...extra }), log, onStuck, fetchUrl, requestPublic),
      ),
    async stop() {
      for (const one of running.toReversed()) await one.stop();
      await gemini.close();
      await owner.end();
      await supabase.stop();
    },
  };
}

/** Repeats a query until the server that its connection lost, or cannot be made to, is back. */
async function whileAway<T>(query: () => Promise<T>, triesLeft = 1_000): Promise<T> {
  try {
    return await query();
  } catch (error) {
    const isAway = !(error instanceof pg.DatabaseError) || error.code?.startsWith('57P0');
    if (!isAway || triesLeft === 0) throw error;
    await delay(20);
    return whileAway(query, triesLeft - 1);
  }
}

function unexpectedlyStuck(): void {
  throw new Error('The worker took no jobs though there were some.');
}

function requiredEnv(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run the tests by script/test`);
  return value;
}
