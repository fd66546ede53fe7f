import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

type Job = { id: string; epoch: number };
const list = async (workerId: string): Promise<Job[]> =>
  (await callFunction<Job[]>(db.service, 'list_lost_jobs', { p_worker_id: workerId }))[0] ?? [];

test('rows that are out and wait for a worker are listed with their epoch, the longest out first', async () => {
  const [first, second] = [await generations.addPending(), await generations.addPending()];
  await generations.markReleased(second);
  await generations.markReleased(first);

  const jobs = await list(await generations.addWorker());

  assert.deepEqual(jobs, [
    { id: second, epoch: 1 },
    { id: first, epoch: 1 },
  ]);
});

test('rows that wait to be released and rows that have ended are not listed', async () => {
  await generations.addPending();
  const { id, claimId } = await generations.addProcessing();
  await generations.complete(id, claimId);

  assert.deepEqual(await list(await generations.addWorker({ unbroken: true })), []);
});

test('rows of a live worker are not listed, those of a dead one are', async () => {
  const [live, dead] = [await generations.addWorker(), await generations.addWorker()];
  await generations.addProcessing({ worker: live });
  const { id } = await generations.addProcessing({ worker: dead });
  await generations.kill(dead);

  assert.deepEqual(await list(await generations.addWorker({ unbroken: true })), [{ id, epoch: 1 }]);
});

test('a worker that may not judge gets no rows of dead workers', async () => {
  await generations.addProcessing({ worker: randomUUID() });

  assert.deepEqual(await list(await generations.addWorker()), []);
});

test('listing takes nothing and may be done twice', async () => {
  const id = await generations.addPending({ released: true });
  const before = await generations.row(id);
  const worker = await generations.addWorker();

  const answers = [await list(worker), await list(worker)];

  assert.deepEqual(answers[0], answers[1]);
  assert.deepEqual(await generations.row(id), before);
});

test('of more than a thousand rows that are out a thousand are listed', async () => {
  await generations.submit(Array.from({ length: 1001 }, () => newItem()));
  await db.sql('update public.generated_images set released_at = now(), release_epoch = 1');

  assert.equal((await list(await generations.addWorker())).length, 1000);
});
