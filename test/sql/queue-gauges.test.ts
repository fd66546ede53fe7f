import assert from 'node:assert/strict';
import test, { after, before, beforeEach } from 'node:test';
import type { QueueGauges } from '../../src/shared/queue-gauges.ts';
import { queueGaugesSchema } from '../../src/shared/queue-gauges.ts';
import { createBatches } from '../support/sql-batches.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const MODEL = 'model-a';

const read = async (client: Parameters<typeof callFunction>[0] = db.service): Promise<QueueGauges> => {
  const [answer] = await callFunction(client, 'get_queue_gauges');
  return queueGaugesSchema.parse(answer);
};
/** The last reading becomes older than five seconds. */
const age = () => db.sql(`update public.queue_gauges set taken_at = taken_at - interval '6 seconds'`);

before(() => read());
beforeEach(async () => {
  await db.sql('delete from public.generated_images');
  await db.sql('delete from public.lanes');
  await db.sql('delete from public.workers');
  await db.sql('delete from public.pauses');
  await db.sql('delete from public.storage_cleanup');
  await age();
});

test('an empty queue is all zeros, and nothing in it has an age', async () => {
  assert.deepEqual(await read(), {
    workers: 0,
    slots: 0,
    waiting: 0,
    delayed: 0,
    released: 0,
    processing: 0,
    oldest_pending_seconds: null,
    oldest_released_seconds: null,
    pauses: [],
    cleanup_due: 0,
    cleanup_overdue_seconds: null,
  });
});

test('every row that is under way is counted once, in its place', async () => {
  await generations.addPending();
  await generations.addPending({ lane_key: 'another' });
  await generations.addPending({ released: true });
  await generations.addProcessing();
  const delayed = await generations.addProcessing();
  await generations.giveBack(delayed.id, delayed.claimId, { p_delay_ms: 60_000 });
  const ended = await generations.addProcessing();
  await generations.complete(ended.id, ended.claimId);
  await age();

  const { waiting, delayed: back, released, processing } = await read();

  assert.deepEqual([waiting, back, released, processing], [2, 1, 1, 1]);
});

test('images of a batch count from its seal on', async () => {
  const batches = createBatches(db);
  const id = await batches.open();
  await batches.add(id, [newItem(), newItem()]);
  await age();
  const before = await read();
  await batches.seal(id, 2);
  await batches.admitAll(id);
  await age();

  const sealed = await read();

  assert.deepEqual([before.waiting, before.delayed, before.oldest_pending_seconds], [0, 0, null]);
  assert.deepEqual([sealed.waiting, sealed.delayed], [2, 0]);
  assert.notEqual(sealed.oldest_pending_seconds, null);
});

test('the oldest pending row counts, wherever it waits, and no row that is being made', async () => {
  const old = await generations.addPending();
  const older = await generations.addPending({ released: true });
  const oldest = await generations.addProcessing();
  for (const [id, minutes] of [
    [old, 1],
    [older, 2],
    [oldest.id, 3],
  ])
    await db.sql(
      `update public.generated_images set created_at = created_at - $2 * interval '1 minute',
         released_at = released_at - $2 * interval '10 seconds' where id = $1`,
      [id, minutes],
    );
  await age();

  const { oldest_pending_seconds: pending, oldest_released_seconds: released } = await read();

  assert.equal(Math.floor(Number(pending) / 60), 2);
  assert.equal(Math.floor(Number(released) / 10), 2);
});

test('slots are those of workers that live and do not drain', async () => {
  await generations.addWorker({ concurrency: 4 });
  await generations.addWorker({ concurrency: 3 });
  await generations.addWorker({ concurrency: 0 });
  await generations.kill(await generations.addWorker({ concurrency: 8 }));
  await age();

  const { workers, slots } = await read();

  assert.deepEqual([workers, slots], [2, 7]);
});

test('pauses are told with what is left of them, and none when they are probed', async () => {
  await db.sql(
    `insert into public.pauses (scope, until) values ('project', now() + interval '1 minute'), ($1, now() - interval '1 hour')`,
    [`model:${MODEL}`],
  );
  await age();

  const pauses = new Map((await read()).pauses.map(({ scope, seconds }) => [scope, Math.ceil(seconds / 60)]));

  assert.deepEqual(Object.fromEntries(pauses), { project: 1, [`model:${MODEL}`]: 0 });
});

test('what is due to be cleaned up is counted, and how long it has been', async () => {
  await db.sql(
    `insert into public.storage_cleanup (bucket, folder, due_at)
     values ('logos', 'a', now() - interval '1 hour'), ('logos', 'b', now() - interval '1 minute'), ('logos', 'c', now() + interval '1 hour')`,
  );
  await age();

  const { cleanup_due: due, cleanup_overdue_seconds: seconds } = await read();

  assert.deepEqual([due, Math.floor(Number(seconds) / 3_600)], [2, 1]);
});

test('a reading stands for five seconds, for whoever asks', async () => {
  assert.equal((await read()).waiting, 0);
  await generations.addPending();

  assert.equal((await read()).waiting, 0);
  await age();
  assert.equal((await read()).waiting, 1);
});

test('who comes while another one reads gets the reading before it, and does not wait', async () => {
  await read();
  await generations.addPending();
  await age();
  const client = await db.connect();
  await client.query('begin');
  assert.equal((await read(client)).waiting, 1);

  assert.equal((await read()).waiting, 0);
  await client.query('commit');
  client.release();
  assert.equal((await read()).waiting, 1);
});

test('who comes first of all while another one reads reads too', async () => {
  await db.sql('delete from public.queue_gauges');
  const client = await db.connect();
  await client.query('begin');
  await read(client);

  assert.equal((await read()).waiting, 0);
  await client.query('commit');
  client.release();
});
