import assert from 'node:assert/strict';
import test from 'node:test';
import { migrate } from '../../src/migrate/migrate.ts';
import { makeFolder, openBareDatabase } from '../support/sql-migrations.ts';

const ONE = '0001_one.sql';
const TWO = '0002_two.sql';
const open = () => openBareDatabase({ supabase: false });

/** Names of the test's tables, and of the files the database has noted. */
async function state(db: Awaited<ReturnType<typeof open>>) {
  const tables = await db.client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  );
  const noted = await db.client.query<{ name: string }>('select name from darkroom.migrations order by 1');
  return { tables: tables.rows.map((row) => row.name), noted: noted.rows.map((row) => row.name) };
}

test('twenty runs at once apply each file once', async () => {
  await using db = await open();
  // A second application of either file would fail.
  await using folder = await makeFolder({ [ONE]: 'create table one ()', [TWO]: 'create table two ()' });

  const runs = await Promise.all(
    Array.from({ length: 20 }, () => migrate({ databaseUrl: db.url, migrationsDir: folder.path })),
  );

  assert.deepEqual(runs.flat().sort(), [ONE, TWO]);
  assert.deepEqual(await state(db), { tables: ['one', 'two'], noted: [ONE, TWO] });
});

test('a later run applies only what is new', async () => {
  await using db = await open();
  await using folder = await makeFolder({ [ONE]: 'create table one ()' });
  await migrate({ databaseUrl: db.url, migrationsDir: folder.path });
  await folder.write({ [TWO]: 'create table two ()' });

  const applied = await migrate({ databaseUrl: db.url, migrationsDir: folder.path });

  assert.deepEqual(applied, [TWO]);
});

test('a file that was edited after it was applied is refused', async () => {
  await using db = await open();
  await using folder = await makeFolder({ [ONE]: 'create table one ()' });
  await migrate({ databaseUrl: db.url, migrationsDir: folder.path });
  await folder.write({ [ONE]: 'create table other ()' });

  await assert.rejects(
    migrate({ databaseUrl: db.url, migrationsDir: folder.path }),
    /0001_one\.sql was edited after it was applied/,
  );

  assert.deepEqual(await state(db), { tables: ['one'], noted: [ONE] });
});

test('a file that comes in below an applied one is refused', async () => {
  await using db = await open();
  await using folder = await makeFolder({ [TWO]: 'create table two ()' });
  await migrate({ databaseUrl: db.url, migrationsDir: folder.path });
  await folder.write({ [ONE]: 'create table one ()' });

  await assert.rejects(
    migrate({ databaseUrl: db.url, migrationsDir: folder.path }),
    /0001_one\.sql comes before 0002_two\.sql/,
  );

  assert.deepEqual(await state(db), { tables: ['two'], noted: [TWO] });
});

test('a file that fails is undone whole, and the files before it stay', async () => {
  await using db = await open();
  await using folder = await makeFolder({
    [ONE]: 'create table one ()',
    [TWO]: 'create table two (); select 1 / 0',
    '0003_three.sql': 'create table three ()',
  });

  await assert.rejects(
    migrate({ databaseUrl: db.url, migrationsDir: folder.path }),
    /0002_two\.sql: division by zero/,
  );

  assert.deepEqual(await state(db), { tables: ['one'], noted: [ONE] });
});

test('a file that failed may be put right, for it was never applied', async () => {
  await using db = await open();
  await using folder = await makeFolder({ [ONE]: 'select 1 / 0' });
  await assert.rejects(migrate({ databaseUrl: db.url, migrationsDir: folder.path }));
  await folder.write({ [ONE]: 'create table one ()' });

  const applied = await migrate({ databaseUrl: db.url, migrationsDir: folder.path });

  assert.deepEqual(applied, [ONE]);
});

for (const name of ['1_one.sql', '0001-one.sql', '0001_One.sql', 'one.sql', '0001_.sql']) {
  test(`a file named ${name} is refused before anything is applied`, async () => {
    await using db = await open();
    await using folder = await makeFolder({ '0000_first.sql': 'create table first ()', [name]: 'select 1' });

    await assert.rejects(
      migrate({ databaseUrl: db.url, migrationsDir: folder.path }),
      (error: Error) =>
        error.message.includes('Not named like 0001_what.sql') && error.message.includes(name),
    );

    const { rows } = await db.client.query(`select to_regclass('public.first') as made`);
    assert.deepEqual(rows, [{ made: null }]);
  });
}

test('two files of one number are refused', async () => {
  await using db = await open();
  await using folder = await makeFolder({ [ONE]: 'select 1', '0001_other.sql': 'select 1' });

  await assert.rejects(migrate({ databaseUrl: db.url, migrationsDir: folder.path }), /number 0001/);
});

test('files that are not SQL are left alone', async () => {
  await using db = await open();
  await using folder = await makeFolder({ [ONE]: 'select 1', 'README.md': 'not SQL' });

  assert.deepEqual(await migrate({ databaseUrl: db.url, migrationsDir: folder.path }), [ONE]);
});
