import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { MIGRATIONS, openBareDatabase } from '../support/sql-migrations.ts';

const MAIN = fileURLToPath(new URL('../../src/migrate/main.ts', import.meta.url));

/** Runs the command with this environment and nothing else. */
function runMigrate(env: Record<string, string>) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [MAIN], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

test('the command names each file that it applies and then says that there is nothing to do', async () => {
  await using db = await openBareDatabase();
  const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();

  const first = await runMigrate({ DATABASE_URL: db.url });
  const second = await runMigrate({ DATABASE_URL: db.url });

  assert.deepEqual(first, { code: 0, stdout: files.map((name) => `applied ${name}\n`).join(''), stderr: '' });
  assert.deepEqual(second, { code: 0, stdout: 'the database is up to date\n', stderr: '' });
});

test('without DATABASE_URL the command names it and exits with 1', async () => {
  const { code, stdout, stderr } = await runMigrate({});

  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /DATABASE_URL: is required/);
});

test('a DATABASE_URL of another protocol is refused with exit code 1', async () => {
  const { code, stderr } = await runMigrate({ DATABASE_URL: 'mysql://localhost/x' });

  assert.equal(code, 1);
  assert.match(stderr, /DATABASE_URL: must be a postgres:\/\/ URL/);
});

test('a migration that cannot run ends the command with its reason in one line and exit code 1', async () => {
  await using db = await openBareDatabase();
  await db.client.query('create view public.datasets as select 1 as id');

  const { code, stderr } = await runMigrate({ DATABASE_URL: db.url });

  assert.equal(code, 1);
  assert.match(stderr, /^migrate: 0001_create_generated_images\.sql: .+\n$/);
});

test('a database that cannot be reached ends the command with a reason and exit code 1', async () => {
  const { code, stderr } = await runMigrate({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });

  assert.equal(code, 1);
  assert.match(stderr, /^migrate: .*ECONNREFUSED.*\n$/);
});
