import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

/** Runs with a transaction open on a connection of its own, which is undone afterwards. */
async function whileOpen<T>(statement: string, params: unknown[], work: () => Promise<T>): Promise<T> {
  const client = await db.connect({ asOwner: true });
  await client.query('begin');
  try {
    await client.query(statement, params);
    return await work();
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const LOCK_LANE = 'select 1 from public.lanes where lane_key = $1 for update';
const LOCK_ROW = 'select 1 from public.generated_images where id = $1 for update';

test('while another call releases, the answer is contended and empty', async () => {
  const first = await db.connect();
  await generations.addPending();
  await first.query('begin');
  await generations.release(first);

  const answer = await generations.release();

  await first.query('rollback');
  first.release();
  assert.deepEqual(answer, { contended: true, jobs: [] });
});

test('two releases at once share the room, also when they would take from other lanes', async () => {
  const first = await db.connect();
  for (let n = 0; n < 4; n += 1) await generations.addPending({ lane_key: 'lane-a' });
  await first.query('begin');
  const taken = await generations.release(first);
  for (let n = 0; n < 4; n += 1) await generations.addPending({ lane_key: 'lane-b' });

  const meanwhile = await generations.release();
  await first.query('commit');
  first.release();

  // Without slots there is room for four.
  assert.deepEqual([taken.jobs.length, meanwhile], [4, { contended: true, jobs: [] }]);
  assert.deepEqual(await generations.release(), { contended: false, jobs: [] });
});

test('what a release that was undone had taken goes out with the next', async () => {
  const first = await db.connect();
  const id = await generations.addPending();
  await first.query('begin');
  const undone = await generations.release(first);
  await first.query('rollback');
  first.release();

  const answer = await generations.release();

  assert.deepEqual([undone.jobs, answer.jobs], [[{ id, epoch: 1 }], [{ id, epoch: 1 }]]);
});

test('a lane that somebody writes is left out without waiting, and the answer says to ask again', async () => {
  await generations.addPending({ lane_key: 'busy' });
  const free = await generations.addPending({ lane_key: 'free' });

  const answer = await whileOpen(LOCK_LANE, ['busy'], () => generations.release());

  assert.deepEqual(answer, { contended: true, jobs: [{ id: free, epoch: 1 }] });
});

test('a lane that somebody writes does not matter when the others fill the room', async () => {
  await generations.addPending({ lane_key: 'busy' });
  for (let n = 0; n < 5; n += 1) await generations.addPending({ lane_key: 'free' });

  const answer = await whileOpen(LOCK_LANE, ['busy'], () => generations.release());

  assert.deepEqual([answer.contended, answer.jobs.length], [false, 4]);
});

test('a row that somebody holds is left out without waiting, and still counts as waiting', async () => {
  const held = await generations.addPending();
  const free = await generations.addPending();

  const answer = await whileOpen(LOCK_ROW, [held], () => generations.release());

  assert.deepEqual(
    answer.jobs.map((job) => job.id),
    [free],
  );
  assert.equal(await generations.waiting('anonymous'), 1);
});

test('a row that somebody holds goes out with the next release', async () => {
  const held = await generations.addPending();
  await whileOpen(LOCK_ROW, [held], () => generations.release());

  assert.deepEqual(
    (await generations.release()).jobs.map((job) => job.id),
    [held],
  );
});

test('rows that are being submitted are left out, and the lane counts them once they are there', async () => {
  const submitter = await db.connect();
  const old = await generations.addPending();
  await submitter.query('begin');
  await generations.submit([newItem()], submitter);

  const meanwhile = await generations.release();
  await submitter.query('commit');
  submitter.release();

  assert.deepEqual(meanwhile, { contended: true, jobs: [] });
  assert.equal(await generations.waiting('anonymous'), 2);
  assert.ok((await generations.release()).jobs.some((job) => job.id === old));
});

test('a lane whose only row is held by somebody keeps its count', async () => {
  const lane = randomUUID();
  const id = await generations.addPending({ lane_key: lane });

  await whileOpen(LOCK_ROW, [id], () => generations.release());

  assert.equal(await generations.waiting(lane), 1);
});

test('an image that is being deleted with its user stops nobody from releasing', async () => {
  const userId = await db.createUser();
  await generations.addPending({ user_id: userId, lane_key: 'user' });
  const other = await generations.addPending({ lane_key: 'other' });

  const answer = await whileOpen('delete from auth.users where id = $1', [userId], () =>
    generations.release(),
  );

  assert.deepEqual(
    answer.jobs.map((job) => job.id),
    [other],
  );
});

for (const [what, table, field] of [
  ['user', 'auth.users', 'user_id'],
  ['dataset', 'public.datasets', 'dataset_id'],
] as const) {
  test(`a row whose not_before has come is released without waiting for its ${what}, which may be being deleted`, async () => {
    const owner = what === 'user' ? await db.createUser() : await db.createDataset();
    const { id, claimId } = await generations.addProcessing({ [field]: owner });
    await generations.giveBack(id, claimId);
    const releaser = await db.connect();

    // The row of the user is locked before its images are deleted, one by one.
    const outcome = await whileOpen(`select 1 from ${table} where id = $1 for update`, [owner], () =>
      Promise.race([generations.release(releaser), untilBlocked(db, releaser).then(() => 'it waits')]),
    );

    assert.deepEqual(outcome, { contended: false, jobs: [{ id, epoch: 2 }] });
  });
}
