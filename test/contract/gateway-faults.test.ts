// What only the embedded gateway must stand: its database going away, and its own death at any moment.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, watch } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import { startGateway } from '../../src/local/gateway/start-gateway.ts';
import { createSupabaseKeys } from '../../src/local/gateway-keys.ts';
import { prepareSupabaseDatabase } from '../../src/local/supabase-schema.ts';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';
import { createTestDatabase } from '../support/postgres.ts';

describe('a database that goes away', () => {
  let target: ContractTarget;
  let name: string;
  before(async () => {
    target = await startContractTarget({ acquireTimeoutMs: 1000 });
    name = target.name('sleep');
    await target.define(
      `create function public.${name}(s float) returns integer language sql as 'select 1 from pg_sleep(s)'`,
    );
  });
  after(() => target.close());

  const otherConnections = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;

  /** Opens or shuts the database for new connections, from the outside: its own one may not do it. */
  async function allowConnections(allowed: boolean): Promise<void> {
    const maintenance = new URL(target.databaseUrl);
    maintenance.pathname = '/postgres';
    const client = new pg.Client({ connectionString: maintenance.href });
    await client.connect();
    await client.query(`alter database ${target.admin.database} allow_connections ${allowed}`);
    await client.end();
  }

  it('ends a running call with 503 and Retry-After: 0, and the next one works', async () => {
    const running = target.call(name, { s: 60 });
    const sleeping = `select 1 ${otherConnections} and wait_event = 'PgSleep'`;
    while ((await target.admin.query(sleeping)).rowCount === 0);
    await target.admin.query(`select pg_terminate_backend(pid) ${otherConnections}`);
    const { status, headers, text: body } = await running;
    assert.deepEqual([status, headers.get('retry-after')], [503, '0']);
    assert.equal(JSON.parse(body).code, '57P01');
    assert.equal((await target.call(name, { s: 0 })).text, '1');
  });

  it('is 503 PGRST002 at once while it takes no connections, and works again afterwards', async () => {
    await allowConnections(false);
    await target.admin.query(`select pg_terminate_backend(pid) ${otherConnections}`);
    while ((await target.admin.query(`select 1 ${otherConnections}`)).rowCount !== 0);
    const started = performance.now();
    const down = await target.call(name, { s: 0 });
    const took = performance.now() - started;
    await allowConnections(true);
    const up = await target.call(name, { s: 0 });
    assert.deepEqual([down.status, down.headers.get('retry-after')], [503, '0']);
    assert.equal(JSON.parse(down.text).code, 'PGRST002');
    assert.ok(took < 1000, `took ${took} ms`);
    assert.equal(up.text, '1');
  });

  it('is 504 PGRST003 when no connection came free in time', async () => {
    const hold = target.name('hold');
    await target.define(
      `create function public.${hold}() returns void language sql as 'select pg_advisory_xact_lock_shared(4321)'`,
    );
    await target.admin.query('select pg_advisory_lock(4321)');
    const holding = Array.from({ length: 10 }, () => target.call(hold));
    const waiting = `select 1 ${otherConnections} and wait_event_type = 'Lock'`;
    while ((await target.admin.query(waiting)).rowCount !== 10);
    const refused = await target.call(name, { s: 0 });
    await target.admin.query('select pg_advisory_unlock(4321)');
    const statuses = (await Promise.all(holding)).map(({ status }) => status);
    assert.deepEqual([refused.status, JSON.parse(refused.text).code], [504, 'PGRST003']);
    assert.ok(statuses.every((status) => status === 204));
  });
});

describe('the preparation of a database', () => {
  it('may be done by many at once, on one database and on several', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => createTestDatabase({ migrated: false })));
    const prepare = async (connectionString: string) => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      await prepareSupabaseDatabase(client).finally(() => client.end());
    };
    await Promise.all([1, 2, 3].flatMap(() => databases.map(({ url }) => prepare(url))));
    await Promise.all(databases.map((database) => database.drop()));
  });
});

describe('a gateway that is killed', () => {
  const jwtSecret = 'a secret of at least thirty-two characters';
  let storageDir: string;
  let service: (url: string) => SupabaseClient;
  let running: ChildProcess | undefined;
  before(async () => {
    storageDir = await mkdtemp(join(tmpdir(), 'darkroom-storage-'));
    const { serviceRoleKey } = await createSupabaseKeys(jwtSecret);
    service = (url) => createClient(url, serviceRoleKey, { auth: { persistSession: false } });
  });
  after(async () => {
    running?.kill('SIGKILL');
    await rm(storageDir, { recursive: true });
  });

  async function start(): Promise<string> {
    const options = {
      databaseUrl: 'postgres://127.0.0.1:1',
      storageDir,
      jwtSecret,
      host: '127.0.0.1',
      port: 0,
    };
    const script = fileURLToPath(new URL('./gateway-process.ts', import.meta.url));
    running = spawn(process.execPath, [script, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(running.stdout as Readable, 'data');
    return String(line).trim();
  }

  it('in the middle of an upload keeps the object that was there, and no half of the new one', async () => {
    const files = service(await start()).storage;
    await files.createBucket('b', { public: true });
    await files.from('b').upload('kept', 'whole');
    const arrivals = watch(join(storageDir, 'incoming'));
    const body = Readable.from(
      (async function* () {
        yield 'half';
        for await (const _ of arrivals) break;
        running?.kill('SIGKILL');
        await once(running as ChildProcess, 'exit');
        yield 'never';
      })(),
    );
    const { error } = await files.from('b').upload('kept', body, { upsert: true });
    assert.ok(error);

    const again = service(await start()).storage.from('b');
    const { data } = await again.download('kept');
    assert.equal(await data?.text(), 'whole');
    assert.deepEqual(await readdir(join(storageDir, 'incoming')), []);
    assert.equal((await again.upload('kept', 'new', { upsert: true })).error, null);
    running?.kill('SIGKILL');
  });

  it('between uploads, at no chosen moment, leaves every object that it has is whole', async () => {
    const files = service(await start()).storage.from('b');
    const contents = (n: number) => String(n).repeat(20_000);
    const confirmed = new Set<number>();
    const uploads = Array.from({ length: 60 }, async (_, n) => {
      const { error } = await files.upload(`many/${n % 20}`, contents(n), { upsert: true });
      if (!error) confirmed.add(n);
      if (confirmed.size === 30) running?.kill('SIGKILL');
    });
    await Promise.all(uploads);

    const again = service(await start()).storage.from('b');
    const { data: listed } = await again.list('many');
    const names = listed?.map(({ name }) => name) ?? [];
    for (const n of confirmed) assert.ok(names.includes(String(n % 20)), `${n} was confirmed and is gone`);
    for (const name of names) {
      const { data } = await again.download(`many/${name}`);
      const found = (await data?.text()) ?? '';
      const possible = [0, 20, 40].map((offset) => contents(Number(name) + offset));
      assert.ok(possible.includes(found), `many/${name} is not whole`);
    }
    running?.kill('SIGKILL');
  });
});

describe('a gateway that closes', () => {
  it('lets running calls end and ends those that PostgREST would repeat for ever', async () => {
    const database = await createTestDatabase({ migrated: false });
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await prepareSupabaseDatabase(admin);
    await admin.query(
      `create function public.forever() returns void language plpgsql as $$ begin raise sqlstate '40001'; end $$;
       create function public.brief() returns integer language sql as 'select 1 from pg_sleep(0.3)'`,
    );
    const storageDir = await mkdtemp(join(tmpdir(), 'darkroom-storage-'));
    const gateway = await startGateway({
      databaseUrl: database.url,
      storageDir,
      jwtSecret: 'secret',
      host: '127.0.0.1',
      port: 0,
    });
    const call = (name: string) => fetch(`${gateway.url}/rest/v1/rpc/${name}`, { method: 'POST' });
    const answers = [call('forever'), call('brief')];
    const sleeping = `select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
    while ((await admin.query(sleeping)).rowCount === 0);
    await gateway.close();
    const [forever, brief] = await Promise.all(answers);
    assert.equal(forever?.status, 500);
    assert.equal(await text(brief?.body as unknown as Readable), '1');
    await assert.rejects(call('brief'));
    await admin.end();
    await database.drop();
    await rm(storageDir, { recursive: true });
  });
});
