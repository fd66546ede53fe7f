import { randomBytes } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import { removeBuckets } from './empty-supabase.ts';
import type { GivenSupabase } from './test-environment.ts';
import { startTestSupabase } from './test-supabase.ts';

/** A Supabase to hold to the contract, and a way to its database that does not go through it. */
export interface ContractTarget extends GivenSupabase {
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

/** The embedded gateway, with a database and a folder of its own; or the Supabase that the run is on. */
export async function startContractTarget(
  options: {
    /** Of the embedded gateway only. */
    acquireTimeoutMs?: number;
  } = {},
): Promise<ContractTarget> {
  const { stop, ...supabase } = await startTestSupabase({
    migrated: false,
    gateway: options.acquireTimeoutMs === undefined ? undefined : options,
  });
  const { url, serviceRoleKey, anonKey } = supabase;
  const admin = new pg.Client({ connectionString: supabase.databaseUrl });
  await admin.connect();
  const calls = createCalls({ url, key: serviceRoleKey, admin });
  const service = createClient(url, serviceRoleKey, { auth: { persistSession: false } });
  return {
    ...calls,
    ...supabase,
    admin,
    service,
    anon: createClient(url, anonKey, { auth: { persistSession: false } }),
    async close() {
      await removeBuckets(service.storage, calls.name(''));
      await removeNamed(admin, calls.name(''));
      await admin.end();
      await stop();
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

/** The functions, tables, sequences and types whose names begin like this. */
async function removeNamed(admin: pg.Client, beginning: string): Promise<void> {
  await admin.query(`
    do $$
    declare v_drop text;
    begin
      for v_drop in
        select format('drop routine if exists %s cascade', p.oid::regprocedure) from pg_catalog.pg_proc p
        where p.pronamespace = 'public'::regnamespace and starts_with(p.proname, '${beginning}')
        union all
        select format('drop %s if exists public.%I cascade',
          case c.relkind when 'S' then 'sequence' when 'c' then 'type' when 'v' then 'view' else 'table' end, c.relname)
        from pg_catalog.pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'S', 'c', 'v')
          and starts_with(c.relname, '${beginning}')
      loop
        execute v_drop;
      end loop;
    end $$`);
}
