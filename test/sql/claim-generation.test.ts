import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const set = (id: string, assignment: string) =>
  db.sql(`update public.generated_images set ${assignment} where id = $1`, [id]);

test('a claim fences the image and counts an attempt and a call before anything is called', async () => {
  const userId = await db.createUser();
  const id = await generations.addPending({ released: true, user_id: userId });
  const [workerId, claimId] = [randomUUID(), randomUUID()];

  const row = await generations.claim(id, workerId, claimId);

  assert.partialDeepStrictEqual(row, {
    id,
    status: 'processing',
    worker_id: workerId,
    claim_id: claimId,
    attempt: 1,
    billable_calls: 1,
    failures: 0,
    folder: `${userId}/${id}`,
    call_allowed: true,
    max_failures: 5,
    max_billable_calls: 2,
  });
  assert.notEqual(row?.started_at, null);
});

test("an anonymous image's folder is anonymous", async () => {
  const id = await generations.addPending({ released: true });

  const row = await generations.claim(id, randomUUID(), randomUUID());

  assert.equal(row?.folder, `anonymous/${id}`);
});

test('asking again with the same claim answers the same row', async () => {
  const id = await generations.addPending({ released: true });
  const [workerId, claimId] = [randomUUID(), randomUUID()];
  const first = await generations.claim(id, workerId, claimId);

  const second = await generations.claim(id, workerId, claimId);

  assert.deepEqual(second, first);
});

test('the time of the first claim stays through later ones', async () => {
  const { id, claimId } = await generations.addProcessing();
  const first = await generations.row(id);
  await generations.giveBack(id, claimId);
  await generations.markReleased(id);

  const second = await generations.claim(id, randomUUID(), randomUUID());

  assert.equal(second?.started_at, first?.started_at);
  assert.equal(second?.attempt, 2);
});

test('an image that was not released is not claimed', async () => {
  const id = await generations.addPending();

  assert.equal(await generations.claim(id, randomUUID(), randomUUID()), undefined);
});

test('an image whose deadline has passed is not claimed', async () => {
  const id = await generations.addPending({ released: true });
  await generations.passDeadline(id);

  assert.equal(await generations.claim(id, randomUUID(), randomUUID()), undefined);
});

test('an image that is gone is not claimed', async () => {
  assert.equal(await generations.claim(randomUUID(), randomUUID(), randomUUID()), undefined);
});

for (const [billable, failures, allowed] of [
  [0, 0, true],
  [1, 4, true],
  [2, 0, false],
  [1, 5, false],
  [3, 6, false],
] as const) {
  test(`after ${billable} calls that may have been billed and ${failures} failures ${allowed ? 'one more' : 'no further'} call is allowed`, async () => {
    const id = await generations.addPending({ released: true });
    await set(id, `billable_calls = ${billable}, failures = ${failures}`);

    const row = await generations.claim(id, randomUUID(), randomUUID());

    assert.deepEqual([row?.status, row?.call_allowed], ['processing', allowed]);
  });
}

test('limits of calls and failures are those in settings', async () => {
  const id = await generations.addPending({ released: true });
  await set(id, 'billable_calls = 2');
  await db.sql('update public.settings set max_billable_calls = 3');

  const row = await generations.claim(id, randomUUID(), randomUUID());

  await db.sql('update public.settings set max_billable_calls = 2');
  assert.equal(row?.call_allowed, true);
});

test('a call that was surely not billed may be made again, as often as failures allow', async () => {
  const id = await generations.addPending();
  const allowed = [];
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    const claimId = randomUUID();
    await generations.markReleased(id);
    allowed.push((await generations.claim(id, randomUUID(), claimId))?.call_allowed);
    await generations.giveBack(id, claimId, { p_failure: true, p_billed: false });
  }

  assert.deepEqual(allowed, [true, true, true, true, true, false]);
});

test('of twenty claims at once one gets the image', async () => {
  const id = await generations.addPending({ released: true });

  const answers = await Promise.all(
    Array.from({ length: 20 }, () => generations.claim(id, randomUUID(), randomUUID())),
  );

  assert.equal(answers.filter(Boolean).length, 1);
  assert.equal((await generations.row(id))?.attempt, 1);
});

test('a reply that was lost twenty times costs one attempt', async () => {
  const id = await generations.addPending({ released: true });
  const [workerId, claimId] = [randomUUID(), randomUUID()];

  const answers = await Promise.all(
    Array.from({ length: 20 }, () => generations.claim(id, workerId, claimId)),
  );

  assert.equal(answers.filter((row) => row?.claim_id === claimId).length, 20);
  assert.partialDeepStrictEqual(await generations.row(id), { attempt: 1, billable_calls: 1 });
});
