import pg from 'pg';

/**
 * A pool that can be closed to the last connection. `end` alone answers earlier, and a connection that is still
 * ending when its database is dropped is cut: an error that nobody listens for. The pool's own `totalCount` cannot
 * tell either, since a connection leaves it at once when a statement fails, and only then begins to end.
 */
export function createSqlPool(config: pg.PoolConfig): { pool: pg.Pool; close(): Promise<void> } {
  const pool = new pg.Pool(config);
  const closed = Promise.withResolvers<void>();
  let open = 0;
  pool.on('connect', () => {
    open += 1;
  });
  pool.on('remove', () => {
    open -= 1;
    if (open === 0 && pool.ending) closed.resolve();
  });
  return {
    pool,
    async close() {
      await pool.end();
      if (open > 0) await closed.promise;
    },
  };
}
