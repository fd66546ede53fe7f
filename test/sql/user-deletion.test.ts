import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

test('a dataset that is deleted leaves its images without it, which clients see as a change', async () => {
  const dataset = await db.createDataset();
  const [active, ended] = [
    await generations.addProcessing({ dataset_id: dataset }),
    await generations.addProcessing({ dataset_id: dataset }),
  ];
  await generations.complete(ended.id, ended.claimId);
  const before = [await generations.row(active.id), await generations.row(ended.id)];

  await db.sql('delete from public.datasets where id = $1', [dataset]);

  const now = [await generations.row(active.id), await generations.row(ended.id)];
  for (const [index, row] of now.entries()) {
    assert.equal(row?.dataset_id, null);
    assert.equal(row?.status, before[index]?.status);
    assert.equal(row?.status_sequence, Number(before[index]?.status_sequence) + 1);
  }
});

test('an image whose dataset went while it was made is completed', async () => {
  const dataset = await db.createDataset();
  const { id, claimId } = await generations.addProcessing({ dataset_id: dataset });
  await db.sql('delete from public.datasets where id = $1', [dataset]);

  const row = await generations.complete(id, claimId);

  assert.partialDeepStrictEqual(row, { status: 'succeeded', dataset_id: null });
});

test('a user takes images and events along, but no side table rows of others', async () => {
  const user = await db.createUser();
  const { id } = await generations.addProcessing({ user_id: user, lane_key: `user:${user}` });
  const other = await generations.addProcessing({ lane_key: 'other' });

  await db.sql('delete from auth.users where id = $1', [user]);

  assert.equal(await generations.row(id), undefined);
  assert.deepEqual(await generations.events(id), []);
  assert.equal((await generations.row(other.id))?.status, 'processing');
});

test("a deleted user's image answers nothing to its worker", async () => {
  const user = await db.createUser();
  const { id, claimId } = await generations.addProcessing({ user_id: user });

  await db.sql('delete from auth.users where id = $1', [user]);

  assert.deepEqual(
    [
      await generations.complete(id, claimId),
      await generations.fail(id, claimId),
      await generations.giveBack(id, claimId),
      await generations.claim(id, randomUUID(), claimId),
    ],
    [undefined, undefined, undefined, undefined],
  );
});

test('a deleted dataset does not let its images out of their lane', async () => {
  const dataset = await db.createDataset();
  const lane = randomUUID();
  await generations.submit([newItem({ dataset_id: dataset, lane_key: lane })]);

  await db.sql('delete from public.datasets where id = $1', [dataset]);

  assert.equal(await generations.waiting(lane), 1);
});
