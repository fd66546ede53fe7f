import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { ERROR } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const event = (
  from: string | null,
  to: string,
  attempt: number,
  worker: string | null,
  error: { code: string } | null = null,
) => ({
  from_status: from,
  to_status: to,
  attempt,
  worker_id: worker,
  error_code: error?.code ?? null,
  error,
});

test('every transition of an image leaves one event with its attempt, worker and reason', async () => {
  const { id, claimId, workerId } = await generations.addProcessing();
  const second = randomUUID();
  await generations.giveBack(id, claimId, { p_failure: true, p_error: JSON.stringify(ERROR) });
  await generations.markReleased(id);
  await generations.claim(id, second, second);

  await generations.complete(id, second);

  assert.deepEqual(await generations.events(id), [
    event(null, 'pending', 0, null),
    event('pending', 'processing', 1, workerId),
    event('processing', 'pending', 1, workerId, ERROR),
    event('pending', 'processing', 2, second),
    event('processing', 'succeeded', 2, second),
  ]);
});

test('a failure is recorded with its reason', async () => {
  const { id, claimId, workerId } = await generations.addProcessing();

  await generations.fail(id, claimId);

  assert.deepEqual((await generations.events(id)).at(-1), event('processing', 'failed', 1, workerId, ERROR));
});

test('an image that nobody took expires without a worker', async () => {
  const id = await generations.addPending();
  await generations.passDeadline(id);

  await generations.expire();

  const last = (await generations.events(id)).at(-1);
  assert.partialDeepStrictEqual(last, {
    from_status: 'pending',
    to_status: 'expired',
    attempt: 0,
    worker_id: null,
    error_code: 'deadline_exceeded',
  });
});

test('a claim over from a dead worker leaves an event of the new attempt', async () => {
  const dead = await generations.addWorker();
  const taker = await generations.addWorker({ unbroken: true });
  const { id } = await generations.addProcessing({ worker: dead });
  await generations.kill(dead);

  await generations.claim(id, taker, randomUUID());

  assert.deepEqual((await generations.events(id)).slice(1), [
    event('pending', 'processing', 1, dead),
    event('processing', 'processing', 2, taker),
  ]);
});

test('an attempt that is handed back does not repeat the reason of the one before it', async () => {
  const { id, claimId } = await generations.addProcessing();
  const second = randomUUID();
  await generations.giveBack(id, claimId, { p_failure: true, p_error: JSON.stringify(ERROR) });
  await generations.markReleased(id);
  await generations.claim(id, second, second);

  await generations.giveBack(id, second);

  assert.deepEqual((await generations.events(id)).at(-1), event('processing', 'pending', 2, second));
});

test('the events of an image go with it, and with it only', async () => {
  const [gone, kept] = [await generations.addPending(), await generations.addPending()];

  await db.sql('delete from public.generated_images where id = $1', [gone]);

  assert.deepEqual(
    [(await generations.events(gone)).length, (await generations.events(kept)).length],
    [0, 1],
  );
});

test('status_sequence rises by one with every visible change', async () => {
  const dataset = await db.createDataset();
  const id = await generations.addPending({ released: true, dataset_id: dataset });
  const claimId = randomUUID();
  const seen = [(await generations.row(id))?.status_sequence];
  const note = async () => seen.push((await generations.row(id))?.status_sequence);
  await generations.claim(id, randomUUID(), claimId);
  await note();
  await generations.requestCancel(id);
  await note();
  await db.sql('delete from public.datasets where id = $1', [dataset]);
  await note();
  await generations.giveBack(id, claimId);
  await note();

  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
});

test('status_sequence stays when nothing visible changes, and nobody can set it', async () => {
  const id = await generations.addPending();
  const before = (await generations.row(id))?.status_sequence;
  await generations.markReleased(id);

  await db.sql('update public.generated_images set status_sequence = 99 where id = $1', [id]);

  assert.equal((await generations.row(id))?.status_sequence, before);
});

test('a claim over from a dead worker is a visible change', async () => {
  const taker = await generations.addWorker({ unbroken: true });
  const { id } = await generations.addProcessing();
  const before = await generations.row(id);

  await generations.claim(id, taker, randomUUID());

  assert.equal((await generations.row(id))?.status_sequence, Number(before?.status_sequence) + 1);
});
