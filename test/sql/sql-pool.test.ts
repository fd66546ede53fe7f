import assert from 'node:assert/strict';
import test from 'node:test';
import { createTestDatabase } from '../support/postgres.ts';
import { errorCode } from '../support/sql-database.ts';
import { createSqlPool } from '../support/sql-pool.ts';

const DIVISION_BY_ZERO = '22012';

test('a pool is closed when its connections are, also the one of a statement that just failed', async () => {
  const database = await createTestDatabase();
  const { pool, close } = createSqlPool({ connectionString: database.url });
  let ended = 0;
  pool.on('remove', () => {
    ended += 1;
  });
  const [failed] = await Promise.all([errorCode(pool.query('select 1 / 0')), pool.query('select 1')]);

  await close();

  assert.equal(failed, DIVISION_BY_ZERO);
  assert.equal(ended, 2, 'connections that ended before the pool was called closed');
  await database.drop();
});

test('a pool that never connected is closed at once', async () => {
  const database = await createTestDatabase();
  await createSqlPool({ connectionString: database.url }).close();
  await database.drop();
});
