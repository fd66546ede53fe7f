import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

test('an image that nobody could take expires with a reason, at no cost', async () => {
  const id = await generations.addPending();
  await generations.passDeadline(id);

  const expired = await generations.expire();

  assert.equal(expired, 1);
  assert.partialDeepStrictEqual(await generations.row(id), {
    status: 'expired',
    error_code: 'deadline_exceeded',
    error: {
      code: 'deadline_exceeded',
      retryable: true,
      message: 'No worker could take this image before its deadline.',
    },
    started_at: null,
    billable_calls: 0,
  });
});

test('an image that was being made expires with another reason and keeps what it cost', async () => {
  const { id } = await generations.addProcessing();
  await generations.passDeadline(id);

  await generations.expire();

  assert.partialDeepStrictEqual(await generations.row(id), {
    status: 'expired',
    error: { message: 'The image was not finished before its deadline.' },
    billable_calls: 1,
    attempt: 1,
  });
});

test('images whose deadline has not come stay', async () => {
  const id = await generations.addPending();

  assert.equal(await generations.expire(), 0);
  assert.equal((await generations.row(id))?.status, 'pending');
});

test('one call expires at most 200, and a full answer means that there may be more', async () => {
  await generations.submit(Array.from({ length: 250 }, () => newItem()));
  await db.sql(`update public.generated_images set deadline_at = now() - interval '1 second'`);

  const counts = [await generations.expire(), await generations.expire(), await generations.expire()];

  assert.deepEqual(counts, [200, 50, 0]);
});

test('lanes stop counting the waiting rows that expired, and only those', async () => {
  const waiting = await generations.addPending();
  const released = await generations.addPending({ released: true });
  const { id: returned, claimId } = await generations.addProcessing();
  await generations.giveBack(returned, claimId, { p_delay_ms: 60_000 });
  await generations.addPending();
  for (const id of [waiting, released, returned]) await generations.passDeadline(id);

  const expired = await generations.expire();

  assert.deepEqual([expired, await generations.waiting('anonymous')], [3, 1]);
});

for (const what of ['lane', 'row']) {
  test(`a ${what} that somebody holds is passed by without waiting`, async () => {
    const held = await generations.addPending({ lane_key: 'held' });
    const free = await generations.addPending({ lane_key: 'free' });
    for (const id of [held, free]) await generations.passDeadline(id);
    const holder = await db.connect();
    await holder.query('begin');
    if (what === 'lane') await holder.query(`select 1 from public.lanes where lane_key = 'held' for update`);
    else await holder.query('select 1 from public.generated_images where id = $1 for update', [held]);

    const expired = await generations.expire();

    await holder.query('rollback');
    holder.release();
    assert.equal(expired, 1);
    assert.equal((await generations.row(free))?.status, 'expired');
    assert.equal(await generations.expire(), 1);
  });
}

test('ten rounds of expiry at once expire each image once and keep the lanes right', async () => {
  const lanes = [randomUUID(), randomUUID(), randomUUID()];
  await generations.submit(Array.from({ length: 90 }, (_, n) => newItem({ lane_key: lanes[n % 3] })));
  await db.sql(
    `update public.generated_images set deadline_at = now() - interval '1 second'
    where lane_key = any ($1)`,
    [lanes.slice(0, 2)],
  );

  const counts = await Promise.all(Array.from({ length: 10 }, () => generations.expire()));

  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    60,
  );
  assert.deepEqual(await Promise.all(lanes.map((lane) => generations.waiting(lane))), [0, 0, 30]);
});
