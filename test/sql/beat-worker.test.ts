import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

/** A worker and the image that it works on. */
async function working() {
  const worker = await generations.addWorker();
  const { id, claimId } = await generations.addProcessing({ worker });
  await generations.settle(id);
  return { worker, id, claimId, held: { id, claim_id: claimId } };
}

test('a beat that names all claims changes nothing and stops nothing', async () => {
  const { worker, id, held } = await working();
  const before = await generations.row(id);

  for (let n = 0; n < 3; n += 1) assert.deepEqual((await generations.beat(worker, [held]))?.stop, []);

  assert.deepEqual(await generations.row(id), before);
});

test('an image that one beat does not name stays where it is', async () => {
  const { worker, id } = await working();

  await generations.beat(worker, []);

  assert.equal((await generations.row(id))?.status, 'processing');
});

test('an image that two beats in a row do not name goes back, counted as possibly billed', async () => {
  const { worker, id } = await working();
  await generations.beat(worker, []);

  await generations.beat(worker, []);

  assert.partialDeepStrictEqual(await generations.row(id), {
    status: 'pending',
    claim_id: null,
    worker_id: null,
    released_at: null,
    billable_calls: 1,
    failures: 0,
  });
});

test('beats that were sent before a claim and arrive after it take nothing away', async () => {
  const worker = await generations.addWorker();
  const { id } = await generations.addProcessing({ worker });

  for (let n = 0; n < 3; n += 1) await generations.beat(worker, []);

  assert.equal((await generations.row(id))?.status, 'processing');
});

test('an image that went back is released again at once', async () => {
  const { worker, id } = await working();
  await generations.beat(worker, []);
  await generations.beat(worker, []);

  const { jobs } = await generations.release();

  assert.deepEqual(
    jobs.filter((job) => job.id === id),
    [{ id, epoch: 2 }],
  );
});

test('beats that miss an image with one between that names it leave it alone', async () => {
  const { worker, id, held } = await working();

  for (const claims of [[], [held], [], [held]]) await generations.beat(worker, claims);

  assert.equal((await generations.row(id))?.status, 'processing');
});

test('naming the image with an older claim is not naming it', async () => {
  const { worker, id } = await working();
  const stale = { id, claim_id: randomUUID() };
  await generations.beat(worker, [stale]);

  const answer = await generations.beat(worker, [stale]);

  assert.deepEqual(answer?.stop, [{ ...stale, reason: 'lost' }]);
  assert.equal((await generations.row(id))?.status, 'pending');
});

test("another worker's images are none of a beat's business", async () => {
  const { id } = await working();
  const other = await generations.addWorker();

  await generations.beat(other, []);
  await generations.beat(other, []);

  assert.equal((await generations.row(id))?.status, 'processing');
});

test('a worker learns which of its claims are fenced, ended or gone', async () => {
  const [fenced, ended, gone, kept] = [await working(), await working(), await working(), await working()];
  await generations.kill(fenced.worker);
  await generations.claim(fenced.id, await generations.addWorker({ unbroken: true }), randomUUID());
  await generations.passDeadline(ended.id);
  await generations.expire();
  await db.sql('delete from public.generated_images where id = $1', [gone.id]);

  const answer = await generations.beat(kept.worker, [fenced.held, ended.held, gone.held, kept.held]);

  const lost = [fenced, ended, gone].map(({ held }) => ({ ...held, reason: 'lost' }));
  const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
  assert.deepEqual(answer?.stop.toSorted(byId), lost.toSorted(byId));
});

test('a worker learns that an image is to be canceled, and keeps it until it reports', async () => {
  const { worker, id, held } = await working();
  await generations.requestCancel(id);

  const answers = [await generations.beat(worker, [held]), await generations.beat(worker, [held])];

  for (const answer of answers) assert.deepEqual(answer?.stop, [{ ...held, reason: 'cancel_requested' }]);
  assert.equal((await generations.row(id))?.status, 'processing');
});

test('a beat keeps host and slots as they are now', async () => {
  const worker = await generations.addWorker({ concurrency: 4 });

  await generations.beat(worker, [], 0);

  const rows = await db.sql('select host, concurrency from public.workers where id = $1', [worker]);
  assert.deepEqual(rows, [{ host: 'test', concurrency: 0 }]);
});

test('a beat does not wait for an image that somebody is writing', async () => {
  const { worker, id } = await working();
  await generations.beat(worker, []);
  const writer = await db.connect();
  await writer.query('begin');
  await writer.query('select 1 from public.generated_images where id = $1 for update', [id]);

  await generations.beat(worker, []);

  await writer.query('rollback');
  writer.release();
  assert.equal((await generations.row(id))?.status, 'processing');
  await generations.beat(worker, []);
  assert.equal((await generations.row(id))?.status, 'pending');
});
