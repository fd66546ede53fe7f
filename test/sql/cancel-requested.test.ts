import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

async function canceledSoon() {
  const worker = await generations.addWorker();
  const held = await generations.addProcessing({ worker });
  await generations.requestCancel(held.id);
  return { ...held, worker };
}

async function assertCanceled(id: string): Promise<void> {
  const row = await generations.row(id);
  assert.partialDeepStrictEqual(row, {
    status: 'canceled',
    image_url: null,
    storage_path: null,
    error_code: null,
  });
  assert.notEqual(row?.completed_at, null);
  assert.equal((await generations.events(id)).at(-1)?.to_status, 'canceled');
}

test('an image that is to be canceled becomes so at its claim', async () => {
  const id = await generations.addPending({ released: true });
  await generations.requestCancel(id);

  assert.equal(await generations.claim(id, randomUUID(), randomUUID()), undefined);

  await assertCanceled(id);
  assert.partialDeepStrictEqual(await generations.row(id), { attempt: 0, billable_calls: 0 });
});

test('an image that is to be canceled becomes so when another worker takes over from a dead one', async () => {
  const { id, worker } = await canceledSoon();
  await generations.kill(worker);

  const answer = await generations.claim(id, await generations.addWorker({ unbroken: true }), randomUUID());

  assert.equal(answer, undefined);
  await assertCanceled(id);
});

test('an image that is to be canceled becomes so when it comes back', async () => {
  const { id, claimId } = await canceledSoon();

  const answer = await generations.giveBack(id, claimId);

  assert.equal(answer?.status, 'canceled');
  await assertCanceled(id);
});

test('an image that is to be canceled becomes so when its worker does not name it twice', async () => {
  const { id, worker } = await canceledSoon();
  await generations.settle(id);
  await generations.beat(worker, []);

  await generations.beat(worker, []);

  await assertCanceled(id);
});

test('an image that is to be canceled becomes so when it is completed, and its cost is kept', async () => {
  const { id, claimId } = await canceledSoon();

  const answer = await generations.complete(id, claimId);

  assert.equal(answer, undefined);
  await assertCanceled(id);
  assert.partialDeepStrictEqual(await generations.row(id), {
    cost_usd: 0.04,
    usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
    billable_calls: 1,
  });
});

test('completing an image that was to be canceled with one that an earlier attempt stored counts no call', async () => {
  const { id, claimId } = await canceledSoon();

  await generations.complete(id, claimId, { billed: false, cost_usd: 0, usage: null });

  assert.equal((await generations.row(id))?.billable_calls, 0);
});

test('a call that went through opens a probed model also when its image was to be canceled', async () => {
  const { id, claimId } = await canceledSoon();
  await db.sql(`insert into public.pauses (scope, until) values ('project', now() - interval '1 second')`);

  await generations.complete(id, claimId);

  const left = await db.sql('select scope from public.pauses');
  await db.sql('delete from public.pauses');
  assert.deepEqual(left, []);
});

test('an image that was completed before it was to be canceled stays completed', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.complete(id, claimId);
  await generations.requestCancel(id);

  const answer = await generations.complete(id, claimId);

  assert.equal(answer?.status, 'succeeded');
});

test('a canceled image leaves the room that it took', async () => {
  await generations.clear();
  const ids = [];
  for (let n = 0; n < 5; n += 1) ids.push(await generations.addPending());
  const [job] = (await generations.release()).jobs;
  await generations.requestCancel(String(job?.id));
  await generations.claim(String(job?.id), randomUUID(), randomUUID());

  const { jobs } = await generations.release();

  assert.deepEqual(jobs, [{ id: ids.at(-1), epoch: 1 }]);
});
