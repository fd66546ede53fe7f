import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { asRole } from '../support/sql-as-role.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

async function submitWithKey() {
  const scope = randomUUID();
  const item = { ...newItem(), idempotency_scope: scope, idempotency_key: 'k', request_hash: 'h' };
  await generations.submit([item]);
  return { id: item.id, scope };
}

async function find(scope: string, key = 'k', hash = 'h'): Promise<string[]> {
  const rows = await asRole<{ id: string }>(
    db,
    'service_role',
    `select f ->> 'id' as id from public.find_replayed_generation('${scope}', '${key}', '${hash}') f`,
  );
  return rows.map(({ id }) => id);
}

test('the image is found that a key has made of this very request, also once it is deleted', async () => {
  const { id, scope } = await submitWithKey();
  assert.deepEqual(await find(scope), [id]);
  await db.sql('update public.generated_images set deleted_at = now() where id = $1', [id]);

  assert.deepEqual(await find(scope), [id]);
});

test('nothing is found by another scope, another key or another request', async () => {
  const { scope } = await submitWithKey();

  assert.deepEqual(
    [await find(randomUUID()), await find(scope, 'l'), await find(scope, 'k', 'i')],
    [[], [], []],
  );
});

test('nothing is found by a key of yesterday', async () => {
  const { scope } = await submitWithKey();
  await db.sql(
    `update public.idempotency_keys set created_at = now() - interval '25 hours' where scope = $1`,
    [scope],
  );

  assert.deepEqual(await find(scope), []);
});
