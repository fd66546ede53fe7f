import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { migrate } from '../../src/migrate/migrate.ts';
import {
  describeRows,
  describeSchema,
  MIGRATIONS,
  makeFolder,
  openBareDatabase,
} from '../support/sql-migrations.ts';
import { ORIGINAL_INSERT } from '../support/sql-original-tables.ts';

const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
const readMigration = (name: string) => readFile(join(MIGRATIONS, name), 'utf8');

test('a new Supabase database gets every migration, and a second run finds nothing to do', async () => {
  await using db = await openBareDatabase();
  const told: string[] = [];
  const run = () =>
    migrate({ databaseUrl: db.url, migrationsDir: MIGRATIONS, onApplied: (name) => told.push(name) });

  const first = await run();
  const second = await run();

  assert.deepEqual(first, files);
  assert.deepEqual(second, []);
  assert.deepEqual(told, files);
});

test('every file may run twice by plain SQL and changes neither schema nor rows', async () => {
  await using db = await openBareDatabase();
  await migrate({ databaseUrl: db.url, migrationsDir: MIGRATIONS });
  await db.client.query(`update public.settings set lease = interval '3 seconds'`);
  await db.client.query(
    `insert into public.generated_images (prompt, full_prompt, image_url, root_id) values ('a', 'a', 'u', gen_random_uuid())`,
  );
  const schema = await describeSchema(db.client);
  const rows = await describeRows(db.client);

  for (const name of files) await db.client.query(await readMigration(name));

  assert.deepEqual(await describeSchema(db.client), schema);
  assert.deepEqual(await describeRows(db.client), rows);
});

test('a second run by plain SQL leaves an image of the service before as it is', async () => {
  await using db = await openBareDatabase();
  await migrate({ databaseUrl: db.url, migrationsDir: MIGRATIONS });
  await db.client.query(ORIGINAL_INSERT, [randomUUID(), null, 'late', null, '2024-05-06T07:08:09Z']);
  const rows = await describeRows(db.client);

  for (const name of files) await db.client.query(await readMigration(name));

  assert.deepEqual(await describeRows(db.client), rows);
});

test('a database without an auth schema is migrated and keeps user ids as they come', async () => {
  await using db = await openBareDatabase();
  await db.client.query('drop schema auth cascade');

  await migrate({ databaseUrl: db.url, migrationsDir: MIGRATIONS });

  await db.client.query(ORIGINAL_INSERT, [randomUUID(), randomUUID(), 'x', null, new Date()]);
  const { rows } = await db.client.query('select status from public.generated_images');
  assert.deepEqual(rows, [{ status: 'succeeded' }]);
});

test('a database without a realtime publication is migrated', async () => {
  await using db = await openBareDatabase();
  await db.client.query('drop publication supabase_realtime');

  const applied = await migrate({ databaseUrl: db.url, migrationsDir: MIGRATIONS });

  assert.deepEqual(applied, files);
});

test('the table joins the realtime publication where there is one', async () => {
  await using db = await openBareDatabase();

  await migrate({ databaseUrl: db.url, migrationsDir: MIGRATIONS });

  const { rows } = await db.client.query('select pubname, tablename from pg_publication_tables');
  assert.deepEqual(rows, [{ pubname: 'supabase_realtime', tablename: 'generated_images' }]);
});

test('a server without Supabase roles is refused with a sentence that says so', async () => {
  // Roles are the whole server's, so the file asks for one that no server has.
  await using db = await openBareDatabase();
  const first = files[0] ?? '';
  const sql = (await readMigration(first)).replaceAll(`'anon', `, `'nobody_has_this_role', `);
  await using folder = await makeFolder({ [first]: sql });

  await assert.rejects(
    migrate({ databaseUrl: db.url, migrationsDir: folder.path }),
    /lacks the roles .*anon.*authenticated.*service_role/,
  );

  const { rows } = await db.client.query(`select to_regclass('public.generated_images') as made`);
  assert.deepEqual(rows, [{ made: null }]);
});
