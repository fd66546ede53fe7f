import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { createTestDatabase } from './postgres.ts';
import { createSqlPool } from './sql-pool.ts';

export type SqlDatabase = Awaited<ReturnType<typeof openSqlDatabase>>;

/**
 * A migrated database of one test file, with two ways in: `owner` arranges and looks, `service` calls the functions
 * with service_role's rights, as the API and the workers do.
 */
export async function openSqlDatabase() {
  const database = await createTestDatabase();
  // Nothing here has to outlive the server, so no commit waits for the disk.
  const connectionString = withOptions(database.url, '-c synchronous_commit=off');
  const { pool: owner, close: closeOwner } = createSqlPool({ connectionString, max: 4 });
  const { pool: service, close: closeService } = createSqlPool({
    connectionString: withOptions(database.url, '-c synchronous_commit=off -c role=service_role'),
    max: 16,
  });
  const lent = new Set<pg.PoolClient>();
  for (const pool of [owner, service]) pool.on('release', (_error, client) => lent.delete(client));

  return {
    url: database.url,
    owner,
    service,
    /** Rows of a statement that the database's owner runs. */
    async sql<Row extends pg.QueryResultRow>(statement: string, params: unknown[] = []): Promise<Row[]> {
      return (await owner.query<Row>(statement, params)).rows;
    },
    /** A connection that a test holds a transaction open on; `asOwner` writes what service_role may not. */
    async connect({ asOwner = false } = {}): Promise<pg.PoolClient> {
      const client = await (asOwner ? owner : service).connect();
      lent.add(client);
      return client;
    },
    async createUser(): Promise<string> {
      const id = randomUUID();
      await owner.query('insert into auth.users (id, email) values ($1, $2)', [id, `${id}@example.com`]);
      return id;
    },
    async createDataset(): Promise<string> {
      const id = randomUUID();
      await owner.query('insert into public.datasets (id) values ($1)', [id]);
      return id;
    },
    /** Also when a failed test has not released its connections. */
    async close(): Promise<void> {
      for (const client of lent) client.release(true);
      await Promise.all([closeOwner(), closeService()]);
      await database.drop();
    },
  };
}

/** Calls a function with named arguments, as PostgREST does. What it answers, one element a row. */
export async function callFunction<T>(
  client: Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>,
  name: string,
  args: Record<string, unknown> = {},
): Promise<T[]> {
  const names = Object.keys(args).map((arg, index) => `${arg} => $${index + 1}`);
  const { rows } = await (client as pg.ClientBase).query<{ answer: T }>(
    `select public.${name}(${names.join(', ')}) as answer`,
    Object.values(args),
  );
  return rows.map((row) => row.answer);
}

/** Waits until a connection waits for a lock that somebody else holds. */
export async function untilBlocked(db: Pick<SqlDatabase, 'owner'>, client: pg.ClientBase): Promise<void> {
  const pid = (client as pg.ClientBase & { processID: number }).processID;
  for (;;) {
    const { rows } = await db.owner.query<{ blocked: boolean }>(
      'select cardinality(pg_catalog.pg_blocking_pids($1)) > 0 as blocked',
      [pid],
    );
    if (rows[0]?.blocked) return;
  }
}

/** What a failed statement says: its SQLSTATE, or null when it succeeded. */
export async function errorCode(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

function withOptions(databaseUrl: string, options: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', options);
  return url.href;
}
