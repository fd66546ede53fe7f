import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import { createCleanup } from '../support/sql-cleanup.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const { claim, planned } = createCleanup(db);
beforeEach(() => generations.clear());
after(() => db.close());

const ENDS: Record<string, (id: string, claimId: string) => Promise<unknown>> = {
  succeeded: (id, claimId) => generations.complete(id, claimId),
  failed: (id, claimId) => generations.fail(id, claimId),
  canceled: async (id, claimId) => {
    await generations.requestCancel(id);
    await generations.giveBack(id, claimId);
  },
  expired: async (id) => {
    await generations.passDeadline(id);
    await generations.expire();
  },
};

for (const [end, reach] of Object.entries(ENDS)) {
  for (const attempts of [1, 2]) {
    const plans = attempts > 1 || end !== 'succeeded';
    test(`the folder of an image that ${end} at attempt ${attempts} is ${plans ? '' : 'not '}looked over later`, async () => {
      const { id, claimId } = await generations.addProcessingAgain(attempts);

      await reach(id, claimId);

      assert.deepEqual(await planned(), plans ? [`anonymous/${id}`] : []);
      assert.deepEqual(await claim(), []);
    });
  }
}

test('an image that no worker ever took has no folder to look over', async () => {
  const [expired, deleted] = [await generations.addPending(), await generations.addPending()];
  await generations.passDeadline(expired);
  await generations.expire();

  await db.sql('delete from public.generated_images where id = $1', [deleted]);

  assert.deepEqual(await planned(), []);
});

test('an image that goes back to waiting plans nothing', async () => {
  await generations.addProcessingAgain(3);

  assert.deepEqual(await planned(), []);
});

test('a folder is due after the time in settings', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);

  const rows = await db.sql<{ hours: number }>(
    `select round(extract(epoch from due_at - now()) / 3600)::integer as hours from public.storage_cleanup`,
  );

  assert.deepEqual(rows, [{ hours: 1 }]);
});

test('the folder of an image that is deleted while a worker is at it is looked over later', async () => {
  const { id } = await generations.addProcessing();

  await db.sql('delete from public.generated_images where id = $1', [id]);

  assert.deepEqual(await planned(), [`anonymous/${id}`]);
});
