import pg from 'pg';
import { databaseUnreachable, RpcError } from './rpc-error.ts';

/** The gateway's connections, each acting as `authenticator`, who may become any API role and nothing else. */
export interface Database {
  /**
   * Lends a connection to `work`. Rejects with PGRST002 at once when the server cannot be reached, with PGRST003 when
   * all connections stayed busy for `acquireTimeoutMs`; whatever `work` throws passes through.
   */
  withConnection<T>(work: (connection: pg.PoolClient) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** Opens no connection yet: the gateway, like PostgREST, may start before its database does. */
export function createDatabase({
  databaseUrl,
  poolSize,
  acquireTimeoutMs,
}: {
  databaseUrl: string;
  poolSize: number;
  acquireTimeoutMs: number;
}): Database {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: poolSize,
    connectionTimeoutMillis: acquireTimeoutMs,
    onConnect: async (connection) => {
      await connection.query('set session authorization authenticator');
    },
  });
  // Without a listener a connection that dies, idle or in the middle of a call, would end the process. The call
  // itself is rejected as well, and the pool drops the connection.
  pool.on('error', ignoreLostConnection);
  pool.on('connect', (connection) => connection.on('error', ignoreLostConnection));

  return {
    async withConnection(work) {
      const connection = await pool.connect().catch((error: unknown) => {
        throw acquireFailure(error);
      });
      try {
        const result = await work(connection);
        connection.release();
        return result;
      } catch (error) {
        connection.release(!isUsableAfter(error));
        throw error;
      }
    },
    end: () => pool.end(),
  };
}

function ignoreLostConnection(): void {
  // The query that was running, if any, is rejected with the same error.
}

/** A refusal of ours or an ordinary SQL error leaves a connection as it was; FATAL and socket errors end it. */
function isUsableAfter(error: unknown): boolean {
  return error instanceof RpcError || (error instanceof pg.DatabaseError && error.severity === 'ERROR');
}

function acquireFailure(cause: unknown): RpcError {
  // The pool has no error code for this; the words are in its source since its first version.
  if (cause instanceof Error && cause.message === 'timeout exceeded when trying to connect') {
    const message = 'Timed out acquiring connection from connection pool.';
    return new RpcError({ status: 504, code: 'PGRST003', message }, { cause });
  }
  return databaseUnreachable(cause);
}
