import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type ClientBase } from 'pg';

/** Any number that no other program in the database takes an advisory lock on. */
const LOCK = 7_270_010;

type Migration = { name: string; sql: string; checksum: string };

/**
 * Brings a database to the state that the files of a folder describe: `0001_what.sql`, in order, each in a
 * transaction of its own, each once. Runs that meet wait for each other file by file, on a lock that ends with the
 * transaction, so that it also works behind a transaction pooler.
 *
 * @returns the names of the files that this run applied; empty when there was nothing to do
 * @throws when an applied file was edited, a file came in below one already applied, or a file fails (its
 *   transaction is undone, the files before it stay)
 */
export async function migrate(options: {
  databaseUrl: string;
  migrationsDir: string;
  onApplied?: (name: string) => void;
}): Promise<string[]> {
  const migrations = await readMigrations(options.migrationsDir);
  const client = new Client({ connectionString: options.databaseUrl, application_name: 'darkroom-migrate' });
  await client.connect();
  try {
    await inLockedTransaction(client, () => createBookkeeping(client));
    const applied: string[] = [];
    for (const migration of migrations) {
      if (await applyOnce(client, migration)) {
        applied.push(migration.name);
        options.onApplied?.(migration.name);
      }
    }
    return applied;
  } finally {
    await client.end();
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const misnamed = names.filter((name) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name));
  if (misnamed.length > 0) throw new Error(`Not named like 0001_what.sql: ${misnamed.join(', ')}`);
  const numbers = names.map((name) => name.slice(0, 4));
  const twice = numbers.filter((number, index) => numbers.indexOf(number) !== index);
  if (twice.length > 0) throw new Error(`Two migrations have the number ${twice.join(', ')}`);
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** A schema of its own: Supabase's API shows everything in `public`. */
async function createBookkeeping(client: ClientBase): Promise<void> {
  await client.query(`
    create schema if not exists darkroom;
    create table if not exists darkroom.migrations (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null default now()
    )`);
}

async function applyOnce(client: ClientBase, migration: Migration): Promise<boolean> {
  return inLockedTransaction(client, async () => {
    const { rows } = await client.query<{ checksum: string | null; newest: string | null }>(
      `select (select checksum from darkroom.migrations where name = $1) as checksum,
              (select max(name) from darkroom.migrations) as newest`,
      [migration.name],
    );
    const { checksum = null, newest = null } = rows[0] ?? {};
    if (checksum === migration.checksum) return false;
    if (checksum !== null) {
      throw new Error(
        `${migration.name} was edited after it was applied here. Put it back and add a new file.`,
      );
    }
    if (newest !== null && newest > migration.name) {
      throw new Error(
        `${migration.name} comes before ${newest}, which is applied here already. Give it a higher number.`,
      );
    }
    await client.query(migration.sql).catch((error: Error) => {
      throw new Error(`${migration.name}: ${error.message}`, { cause: error });
    });
    await client.query('insert into darkroom.migrations (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    return true;
  });
}

async function inLockedTransaction<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    // A migration may take longer than the limits that hosted databases set for requests.
    await client.query('set local statement_timeout = 0; set local lock_timeout = 0');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
