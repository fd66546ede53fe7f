import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import { type GatewayOptions, startGateway } from '../../src/local/gateway/start-gateway.ts';
import { createSupabaseKeys } from '../../src/local/gateway-keys.ts';
import { prepareSupabaseDatabase } from '../../src/local/supabase-schema.ts';
import { createTestDatabase } from './postgres.ts';

/** A Supabase to hold to the contract, and a way to its database that does not go through it. */
export interface ContractTarget {
  url: string;
  anonKey: string;
  serviceRoleKey: string;
  jwtSecret: string;
  databaseUrl: string;
  /** A connection of the database's owner. */
  admin: pg.Client;
  /** supabase-js as the server uses it. */
  service: SupabaseClient;
  anon: SupabaseClient;
  /** A name for a function, table or bucket that no other run uses. */
  name(word: string): string;
  /** Runs DDL and waits until the API knows it, which on hosted Supabase takes up to a second. */
  define(statements: string): Promise<void>;
  /** Calls a function with nothing between: status, headers and text exactly as they came. */
  call(name: string, args?: unknown, init?: RequestInit): Promise<PlainAnswer>;
  /** Fetches a path under `/storage/v1` as service_role. */
  storage(path: string, init?: RequestInit): Promise<Response>;
  /** Removes everything that `name` named, and ends what was started. */
  close(): Promise<void>;
}

/** An HTTP answer, read. */
export interface PlainAnswer {
  status: number;
  statusText: string;
  headers: Headers;
  text: string;
}

/** Starts the embedded gateway on a database and a folder of its own. */
export async function startContractTarget(
  options: Pick<GatewayOptions, 'acquireTimeoutMs'> = {},
): Promise<ContractTarget> {
  const jwtSecret = randomBytes(32).toString('hex');
  const database = await createTestDatabase({ migrated: false });
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  await prepareSupabaseDatabase(admin);
  const storageDir = await mkdtemp(join(tmpdir(), 'darkroom-storage-'));
  const gateway = await startGateway({
    databaseUrl: database.url,
    storageDir,
    jwtSecret,
    host: '127.0.0.1',
    port: 0,
    ...options,
  });
  const keys = await createSupabaseKeys(jwtSecret);
  const calls = createCalls({ url: gateway.url, key: keys.serviceRoleKey, admin });
  return {
    ...calls,
    ...keys,
    url: gateway.url,
    jwtSecret,
    databaseUrl: database.url,
    admin,
    service: createClient(gateway.url, keys.serviceRoleKey, { auth: { persistSession: false } }),
    anon: createClient(gateway.url, keys.anonKey, { auth: { persistSession: false } }),
    async close() {
      await gateway.close();
      await admin.end();
      await database.drop();
      await rm(storageDir, { recursive: true });
    },
  };
}

function createCalls({ url, key, admin }: { url: string; key: string; admin: pg.Client }) {
  const run = randomBytes(4).toString('hex');
  const name = (word: string) => `contract_${run}_${word}`;
  const authorization = `Bearer ${key}`;

  const call = async (fn: string, args: unknown = {}, init: RequestInit = {}): Promise<PlainAnswer> => {
    const response = await fetch(`${url}/rest/v1/rpc/${fn}`, {
      method: 'POST',
      body: JSON.stringify(args),
      ...init,
      headers: { apikey: key, authorization, 'content-type': 'application/json', ...init.headers },
    });
    const { status, statusText, headers } = response;
    return { status, statusText, headers, text: await response.text() };
  };
  let definitions = 0;
  return {
    name,
    call,
    async define(statements: string) {
      definitions += 1;
      const last = name(`defined_${definitions}`);
      await admin.query(
        `${statements}; create function public.${last}() returns integer language sql as 'select 1'`,
      );
      while ((await call(last)).status === 404);
    },
    storage: (path: string, init: RequestInit = {}) =>
      fetch(`${url}/storage/v1${path}`, {
        ...init,
        headers: { authorization, apikey: key, ...init.headers },
      }),
  };
}
