import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { readTestEnvironment } from './test-environment.ts';

const OBJECT_IN_USE = '55006';

/** A database of one test's own. */
export interface TestDatabase {
  url: string;
  /** Removes it; also ends whoever is still connected to it. */
  drop(): Promise<void>;
}

/**
 * Creates a database on the server that `script/test` started: a clone of the one with all migrations, or with
 * `migrated: false` an empty one. Its URL is a superuser's.
 */
export async function createTestDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const { TEST_POSTGRES_URL: serverUrl, TEST_TEMPLATE: template } = readTestEnvironment();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const source = (options.migrated ?? true) ? template : 'template0';
  await runOnServer(serverUrl, `create database ${name} template ${source}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => runOnServer(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

/** Repeats while somebody is in the template: nobody may connect to it, but autovacuum does. */
async function runOnServer(serverUrl: string, statement: string, triesLeft = 20): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } catch (error) {
    const isInUse = error instanceof pg.DatabaseError && error.code === OBJECT_IN_USE;
    if (!isInUse || triesLeft === 0) throw error;
    await delay(100);
    await runOnServer(serverUrl, statement, triesLeft - 1);
  } finally {
    await client.end();
  }
}
