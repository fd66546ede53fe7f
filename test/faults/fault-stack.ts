import { randomUUID } from 'node:crypto';
import type { SimulatorControl } from '../../src/local/gemini/control.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import type { Row } from '../support/generations.ts';
import { type Env, type StackOptions, startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultProcess, startFaultProcess } from './fault-process.ts';
import { type JobMonitor, startJobMonitor } from './job-monitor.ts';
import { type OwnPostgres, startOwnPostgres } from './own-postgres.ts';
import { type OwnRedis, startOwnRedis } from './own-redis.ts';

/** What a client sent, and what it was told: null when the connection broke before an answer. */
export type Told = { key: string; status: number | null; id: string | null; token?: string };

/** What a client sends beside its prompt, and where to if not to the API that was started last. */
export type SubmitOptions = {
  key?: string;
  token?: string;
  headers?: Record<string, string>;
  fields?: Record<string, unknown>;
  url?: string;
};

/** A submit: `key` is what the simulator counts its calls under. */
export type Submitted = Told & { row(): Promise<Row> };

export type FaultStack = {
  base: TestStack;
  /** Of a process of Darkroom; the proxy is between it and Supabase. */
  env: Env;
  supabase: FaultProxy;
  ownRedis: OwnRedis;
  ownPostgres: OwnPostgres;
  gemini: SimulatorControl;
  monitor: JobMonitor;
  told: Told[];
  leaseMs: number;
  startApi(env?: Env): Promise<FaultProcess>;
  startWorker(env?: Env): Promise<FaultProcess>;
  /**
   * Sends a prompt to the API that was started last; the markers are the simulator's. A `key` that was used before makes
   * it the same prompt again.
   */
  submit(markers?: string, options?: SubmitOptions): Promise<Submitted>;
  submitMany(count: number, markers?: string): Promise<Submitted[]>;
  /** The row was deleted by its owner, with a user or by hand: the one way in which an accepted image may vanish. */
  forget(key: string): void;
  /** The row of a key, as soon as there is one. */
  row(key: string): Promise<Row>;
  waitUntil(key: string, isThere: (row: Row) => boolean): Promise<Row>;
  waitForEnd(...submitted: Submitted[]): Promise<Row[]>;
};

const ENDED = new Set(['succeeded', 'failed', 'canceled', 'expired']);
const LEASE_S = 3;
export const hasEnded = ({ status }: Pick<Row, 'status'>) => ENDED.has(status);

export type FaultStackOptions = {
  redis?: 'shared' | 'own';
  postgres?: 'shared' | 'own';
  /** The fault proxy is between the processes and Supabase. */
  proxied?: boolean;
  leaseSeconds?: number;
  gateway?: NonNullable<StackOptions['gateway']>;
};

/** A stack for one test, whose APIs and workers are processes of their own. It goes with the test. */
export async function startFaultStack(
  t: { after(cleanup: () => Promise<void>): void },
  {
    redis = 'shared',
    postgres = 'shared',
    proxied = false,
    leaseSeconds = LEASE_S,
    gateway = {},
  }: FaultStackOptions = {},
): Promise<FaultStack> {
  const ownPostgres = postgres === 'own' ? await startOwnPostgres() : null;
  const base = await startTestStack({
    leaseSeconds,
    gateway,
    ...(ownPostgres && { database: ownPostgres.database }),
  });
  const supabase = await startFaultProxy(base.supabaseUrl);
  const ownRedis = redis === 'own' ? await startOwnRedis() : null;
  const env: Env = {
    ...base.env,
    NODE_ENV: 'test',
    LOG_LEVEL: 'info',
    // Calls are held until the test lets them go, however long a busy machine takes for that.
    GEMINI_TIMEOUT_MS: '30000',
    REDIS_URL: ownRedis?.url ?? base.env.REDIS_URL ?? '',
    ...(proxied && { SUPABASE_URL: supabase.url, SUPABASE_PUBLIC_URL: base.supabaseUrl }),
  };
  const monitor = await startJobMonitor(base.sql, env.REDIS_URL ?? '', env.QUEUE_PREFIX ?? '');
  const processes: FaultProcess[] = [];
  t.after(async () => {
    await Promise.all(processes.map((one) => one.kill()));
    ownRedis?.thaw();
    await monitor.stop();
    await supabase.close();
    await base.stop();
    await ownRedis?.stop();
    await ownPostgres?.stop();
  });
  const start = async (what: 'api' | 'worker', extra: Env): Promise<FaultProcess> => {
    const started = startFaultProcess(what, { ...env, ...extra });
    processes.push(started);
    await started.waitForLine(`${what}.started`);
    return started;
  };
  const told: Told[] = [];
  const client = createClient(base.sql, told);

  return {
    ...{ base, env, supabase, monitor, told, ...client },
    gemini: base.gemini.control,
    leaseMs: leaseSeconds * 1_000,
    get ownRedis() {
      if (!ownRedis) throw new Error(`This test shares its Redis; ask for { redis: 'own' }`);
      return ownRedis;
    },
    get ownPostgres() {
      if (!ownPostgres) throw new Error(`This test shares its Postgres; ask for { postgres: 'own' }`);
      return ownPostgres;
    },
    async startApi(extra = {}) {
      const api = await start('api', extra);
      client.useApi(String((await api.waitForLine('api.started')).url));
      return api;
    },
    startWorker: (extra = {}) => start('worker', extra),
  };
}

/** What a client does, and a look at the rows that came of it. */
function createClient(sql: TestStack['sql'], told: Told[]) {
  let apiUrl = '';

  const post = async (
    prompt: string,
    { token, headers, fields, url = apiUrl }: SubmitOptions,
  ): Promise<Pick<Told, 'status' | 'id'>> => {
    try {
      const answer = await fetch(`${url}/ai/generate`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: JSON.stringify({ prompt, ...fields }),
      });
      const { id = null } = (await answer.json()) as { id?: string };
      return { status: answer.status, id };
    } catch {
      // The API died on it: the client knows nothing.
      return { status: null, id: null };
    }
  };
  const row = (key: string): Promise<Row> =>
    waitFor(`a row of ${key}`, async () => {
      const found = await sql<Row>(
        'select * from public.generated_images where position($1 in full_prompt) > 0',
        [key],
      );
      return found[0];
    });
  const waitUntil = (key: string, isThere: (row: Row) => boolean): Promise<Row> =>
    waitFor(`the row of ${key} to get there`, async () => {
      const found = await row(key);
      return isThere(found) && found;
    });
  const submit = async (markers = '', options: SubmitOptions = {}): Promise<Submitted> => {
    const { key = randomUUID() } = options;
    const prompt = `Modern coffee shop interior [[sim:bytes=1024; key=${key}]] ${markers}`;
    const answer = await post(prompt, options);
    const one = { key, ...answer };
    told.push(one);
    return { ...one, row: () => row(key) };
  };

  return {
    row,
    waitUntil,
    submit,
    forget(key: string) {
      told.splice(0, told.length, ...told.filter((one) => one.key !== key));
    },
    useApi(url: string) {
      apiUrl = url;
    },
    submitMany: (count: number, markers = '') =>
      Promise.all(Array.from({ length: count }, () => submit(markers))),
    waitForEnd: (...submitted: Submitted[]) =>
      Promise.all(submitted.map(({ key }) => waitUntil(key, hasEnded))),
  };
}
