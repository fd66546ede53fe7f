import type { PoolClient } from 'pg';
import { RpcError } from './rpc-error.ts';

/** What a call gave: JSON text, null for void; and how many rows it is made of. */
export interface CallResult {
  body: string | null;
  rows: number;
}

/** Statements sent in one message are one transaction, so a call costs one round trip. */
export async function callOnce(connection: PoolClient, statements: string): Promise<CallResult> {
  return lastRow(await connection.query(statements));
}

/** For `.single()`: any other number of rows than one is PGRST116, and undoes what the function did. */
export async function callForOneRow(connection: PoolClient, statements: string): Promise<CallResult> {
  try {
    const result = lastRow(await connection.query(`begin; ${statements}`));
    if (result.rows !== 1) throw notOneRow(result.rows);
    await connection.query('commit');
    return result;
  } catch (error) {
    // Fails only with the connection, and then the first error says why.
    await connection.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Several statements give several results, which the types of pg do not know. */
function lastRow(results: unknown): CallResult {
  const row = (results as { rows: CallResult[] }[]).at(-1)?.rows[0];
  if (!row) throw new TypeError('The call gave no row, not even an empty one');
  return row;
}

function notOneRow(rows: number): RpcError {
  return new RpcError({
    status: 406,
    code: 'PGRST116',
    message: 'Cannot coerce the result to a single JSON object',
    details: `The result contains ${rows} rows`,
  });
}
