import type { SqlDatabase } from './sql-database.ts';

/** Runs a statement as PostgREST does for a request with this role and these claims, and undoes it. */
export async function asRole<Row extends Record<string, unknown>>(
  db: Pick<SqlDatabase, 'connect'>,
  role: string,
  statement: string,
  claims: Record<string, unknown> = {},
): Promise<Row[]> {
  const client = await db.connect({ asOwner: true });
  await client.query('begin');
  try {
    await client.query(`select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`, [
      role,
      JSON.stringify({ role, ...claims }),
    ]);
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.query('rollback');
    client.release();
  }
}
