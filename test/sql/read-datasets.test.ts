import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { asRole } from '../support/sql-as-role.ts';
import { openSqlDatabase } from '../support/sql-database.ts';

const db = await openSqlDatabase();
after(() => db.close());

test('functions that a database lacks are named', async () => {
  const missing = await asRole(
    db,
    'service_role',
    `select public.list_missing_functions('{claim_generation,no_such,another}') as names`,
  );

  assert.deepEqual(missing, [{ names: ['another', 'no_such'] }]);
});

test('a dataset gives its context to its owner, and to all when it has none', async () => {
  const [owner, other] = [randomUUID(), randomUUID()];
  const [owned, shared] = [await db.createDataset(), await db.createDataset()];
  await db.sql('update public.datasets set owner_id = $1 where id = $2', [owner, owned]);
  const ask = async (dataset: string, user: string | null) =>
    (
      await asRole(
        db,
        'service_role',
        `select 1 from public.get_dataset_context('${dataset}', ${user ? `'${user}'` : 'null'})`,
      )
    ).length;

  const answers = [];
  for (const dataset of [owned, shared])
    for (const user of [owner, other, null]) answers.push(await ask(dataset, user));

  assert.deepEqual(answers, [1, 0, 0, 1, 1, 1]);
});
