import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
before(async () => {
  target = await startContractTarget();
});
after(() => target.close());

async function define(word: string, rest: string): Promise<string> {
  const name = target.name(word);
  await target.define(`create function public.${name}${rest}`);
  return name;
}

describe('the transaction of a function call', () => {
  it('runs as the role of the key, with its timeouts, claims and request', async () => {
    const name = await define(
      'surroundings',
      `() returns jsonb language sql as $$ select jsonb_build_object(
        'role', current_user, 'session', session_user, 'auth', auth.role(), 'jwt', auth.jwt() ->> 'iss',
        'statement', current_setting('statement_timeout'), 'lock', current_setting('lock_timeout'),
        'isolation', current_setting('transaction_isolation'), 'method', current_setting('request.method'),
        'path', current_setting('request.path')) $$`,
    );
    const common = {
      session: 'authenticator',
      jwt: 'supabase',
      lock: '8s',
      isolation: 'read committed',
      method: 'POST',
      path: `/rpc/${name}`,
    };
    const service = await target.service.rpc(name);
    const anon = await target.anon.rpc(name);
    assert.deepEqual(service.data, {
      ...common,
      role: 'service_role',
      auth: 'service_role',
      statement: '8s',
    });
    assert.deepEqual(anon.data, { ...common, role: 'anon', auth: 'anon', statement: '3s' });
  });

  it('leaves nothing of one caller to the next on the same connection', async () => {
    const name = await define(
      'whoami',
      `() returns text language sql as $$ select current_user || coalesce(current_setting('app.left', true), '') $$`,
    );
    const leave = await define(
      'leave_behind',
      `() returns text language sql as $$ select set_config('app.left', 'behind', true) $$`,
    );
    for (let round = 0; round < 20; round += 1) {
      await target.service.rpc(leave);
      assert.equal((await target.anon.rpc(name)).data, 'anon');
      assert.equal((await target.service.rpc(name)).data, 'service_role');
    }
  });

  it('is undone whole when the function raises', async () => {
    const table = target.name('undone');
    await target.define(`create table public.${table} (n integer)`);
    const name = await define(
      'insert_and_raise',
      `() returns void language plpgsql as $$ begin insert into public.${table} values (1); raise 'no'; end $$`,
    );
    const { status } = await target.service.rpc(name);
    const { rows } = await target.admin.query(`select * from public.${table}`);
    assert.deepEqual([status, rows], [400, []]);
  });

  it('is cut off by the statement timeout of its role, here anon after 3 s', async () => {
    const name = await define('sleep_long', `() returns void language sql as $$ select pg_sleep(30) $$`);
    const { status, error } = await target.anon.rpc(name);
    assert.deepEqual([status, error?.code], [500, '57014']);
  });

  it('has the timeout that the function itself sets', async () => {
    const name = await define(
      'sleep_set',
      `() returns void language sql set statement_timeout = '50ms' as $$ select pg_sleep(30) $$`,
    );
    const { status, error } = await target.service.rpc(name);
    assert.deepEqual([status, error?.code], [500, '57014']);
  });

  it('cannot write in a function that is marked stable', async () => {
    const table = target.name('stable_write');
    await target.define(`create table public.${table} (n integer)`);
    const name = await define(
      'stable_caller',
      `() returns text language sql stable as $$ select current_setting('transaction_read_only') $$`,
    );
    assert.equal((await target.service.rpc(name)).data, 'on');
  });

  it('commits after its client has left', async () => {
    const [table, channel] = [target.name('late'), target.name('committed')];
    await target.define(`create table public.${table} (n integer)`);
    const name = await define(
      'slow_insert',
      `(key integer) returns void language plpgsql as $$ begin
         perform pg_advisory_xact_lock(key);
         insert into public.${table} values (1);
         notify ${channel};
       end $$`,
    );
    const watcher = new pg.Client({ connectionString: target.databaseUrl });
    await watcher.connect();
    await watcher.query(`listen ${channel}; select pg_advisory_lock(77)`);
    const committed = once(watcher, 'notification');
    const leaving = new AbortController();
    const call = target.call(name, { key: 77 }, { signal: leaving.signal });
    await waitForLock(77);
    leaving.abort();
    await assert.rejects(call, { name: 'AbortError' });
    await watcher.query('select pg_advisory_unlock(77)');
    await committed;
    const { rows } = await target.admin.query(`select n from public.${table}`);
    await watcher.end();
    assert.deepEqual(rows, [{ n: 1 }]);
  });

  it('is repeated after a serialization failure until it succeeds', async () => {
    const sequence = target.name('tries');
    await target.define(`create sequence public.${sequence}`);
    const name = await define(
      'fail_first',
      `() returns bigint language plpgsql as $$ declare n bigint := nextval('public.${sequence}'); begin
         if n < 20 then raise 'again' using errcode = '40001'; end if;
         return n;
       end $$`,
    );
    const { status, data } = await target.service.rpc(name);
    assert.deepEqual([status, data], [200, 20]);
  });

  it('is repeated after a deadlock, so that both callers succeed', async () => {
    const name = await define(
      'lock_two',
      `(a integer, b integer) returns void language plpgsql as $$ begin
         perform pg_advisory_xact_lock(a);
         perform pg_advisory_xact_lock_shared(500);
         perform pg_advisory_xact_lock(b);
       end $$`,
    );
    await target.admin.query('select pg_advisory_lock(500)');
    const calls = Promise.all([
      target.service.rpc(name, { a: 501, b: 502 }),
      target.service.rpc(name, { a: 502, b: 501 }),
    ]);
    await waitForLock(500, 2);
    await target.admin.query('select pg_advisory_unlock(500)');
    const statuses = (await calls).map(({ status }) => status);
    const { rows } = await target.admin.query(
      `select deadlocks::integer from pg_stat_database where datname = current_database()`,
    );
    assert.deepEqual(statuses, [204, 204]);
    assert.ok(rows[0].deadlocks >= 1, 'PostgreSQL saw no deadlock');
  });

  it('serves 200 calls at a time over ten connections', async () => {
    const name = await define(
      'brief',
      `(n integer) returns integer language sql as $$ select n from pg_sleep(0.005) $$`,
    );
    const calls = Array.from({ length: 200 }, (_, n) => target.service.rpc(name, { n }));
    const answers = await Promise.all(calls);
    assert.deepEqual(
      answers.map(({ data }) => data),
      Array.from({ length: 200 }, (_, n) => n),
    );
  });
});

/** Resolves when so many wait for the advisory lock. */
async function waitForLock(key: number, waiters = 1): Promise<void> {
  const statement = `select 1 from pg_locks where locktype = 'advisory' and objid = $1 and not granted`;
  while (((await target.admin.query(statement, [key])).rowCount ?? 0) < waiters);
}
