import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import type pg from 'pg';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { race } from '../support/sql-race.ts';
import type { Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const cancel = async (
  id: string,
  userId: string | null = null,
  client: pg.ClientBase | pg.Pool = db.service,
) => (await callFunction<Row>(client, 'cancel_generation', { p_id: id, p_user_id: userId }))[0];

for (const state of ['waiting', 'released', 'returned'] as const) {
  test(`a ${state} image is canceled at once and leaves its lane's count right`, async () => {
    const lane = randomUUID();
    await generations.addPending({ lane_key: lane });
    let id: string;
    if (state === 'returned') {
      const held = await generations.addProcessing({ lane_key: lane });
      await generations.giveBack(held.id, held.claimId, { p_delay_ms: 60_000 });
      id = held.id;
    } else {
      id = await generations.addPending({ lane_key: lane, released: state === 'released' });
    }

    const row = await cancel(id);

    assert.equal(row?.status, 'canceled');
    assert.notEqual(row?.completed_at, null);
    assert.equal(await generations.waiting(lane), 1);
  });
}

test('an image that is processed is marked, and its worker goes on until it reports', async () => {
  const { id, claimId } = await generations.addProcessing();

  const row = await cancel(id);

  assert.partialDeepStrictEqual(row, { status: 'processing', claim_id: claimId });
  assert.notEqual(
    ((await generations.row(id)) as Row & { cancel_requested_at: string }).cancel_requested_at,
    null,
  );
  assert.equal(await generations.complete(id, claimId), undefined);
  assert.equal((await generations.row(id))?.status, 'canceled');
});

test('asking to cancel again changes nothing', async () => {
  const [pending, { id: processing }] = [await generations.addPending(), await generations.addProcessing()];
  for (const id of [pending, processing]) {
    await cancel(id);
    const before = await generations.row(id);

    const again = await cancel(id);

    const { updated_at: _now, ...now } = (await generations.row(id)) as Row & { updated_at: string };
    assert.partialDeepStrictEqual(before, now);
    assert.equal(again?.status, before?.status);
  }
});

test('an image that has succeeded stays so', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.complete(id, claimId);
  const before = await generations.row(id);

  const row = await cancel(id);

  assert.equal(row?.status, 'succeeded');
  assert.deepEqual(await generations.row(id), before);
});

test("somebody else's image is not canceled", async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const id = await generations.addPending({ user_id: user });

  const answers = [await cancel(id, other), await cancel(id, null), await cancel(randomUUID(), user)];

  assert.deepEqual(answers, [undefined, undefined, undefined]);
  assert.equal((await generations.row(id))?.status, 'pending');
});

test('an image that is claimed while it is canceled is canceled', async () => {
  const id = await generations.addPending({ released: true });

  const claimed = await race(
    db,
    (client) => cancel(id, null, client),
    (client) => generations.claim(id, randomUUID(), randomUUID(), client),
  );

  assert.equal(claimed, undefined);
  assert.equal((await generations.row(id))?.status, 'canceled');
});

test('an image that is canceled while it is claimed is marked for its worker', async () => {
  const id = await generations.addPending({ released: true });
  const [worker, claimId] = [randomUUID(), randomUUID()];

  const row = await race(
    db,
    (client) => generations.claim(id, worker, claimId, client),
    (client) => cancel(id, null, client),
  );

  assert.partialDeepStrictEqual(row, { status: 'processing', claim_id: claimId });
  assert.equal(
    (await generations.beat(worker, [{ id, claim_id: claimId }]))?.stop[0]?.reason,
    'cancel_requested',
  );
});

test('an image that is canceled while it is completed stays completed', async () => {
  const { id, claimId } = await generations.addProcessing();

  const row = await race(
    db,
    (client) => generations.complete(id, claimId, {}, client),
    (client) => cancel(id, null, client),
  );

  assert.equal((row as Row).status, 'succeeded');
});

test('a row that is canceled between its release and its claim frees its room', async () => {
  await generations.clear();
  for (let n = 0; n < 5; n += 1) await generations.addPending();
  const [job] = (await generations.release()).jobs;
  const full = await generations.release();

  await cancel(String(job?.id));

  assert.deepEqual([full.jobs.length, (await generations.release()).jobs.length], [0, 1]);
});
