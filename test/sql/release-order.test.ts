import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { fairOrder, type WaitingLane } from '../support/queue-model.ts';
import { createRandom } from '../support/random.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

const releasedIds = async () => (await generations.release()).jobs.map((job) => job.id);
const laneOf = async (ids: string[]) =>
  (
    await db.sql<{ lane_key: string }>(
      `select g.lane_key from unnest($1::uuid[]) with ordinality as i (id, n)
       join public.generated_images g using (id) order by n`,
      [ids],
    )
  ).map((row) => row.lane_key);

/** So many rows of a lane, which was served last at this many minutes before now. */
async function addLane(lane: string, rows: number, { minutesAgo = 0, model = 'model-a' } = {}) {
  const items = Array.from({ length: rows }, () => newItem({ lane_key: lane, model }));
  await generations.submit(items);
  await db.sql(
    `update public.lanes set last_served_at = now() - $2 * interval '1 minute' where lane_key = $1`,
    [lane, minutesAgo],
  );
  return items.map((item) => item.id);
}

test('a lane is served first in, first out', async () => {
  const ids = await addLane('a', 6);

  assert.deepEqual(await releasedIds(), ids.slice(0, 4));
});

test('a small lane is served before the second row of a large one', async () => {
  await addLane('large', 100, { minutesAgo: 9 });
  await addLane('small', 1, { minutesAgo: 1 });

  assert.deepEqual(await laneOf(await releasedIds()), ['large', 'small', 'large', 'large']);
});

test('of lanes with equally many rows out the least recently served comes first', async () => {
  for (const [lane, minutesAgo] of [
    ['a', 1],
    ['b', 5],
    ['c', 3],
    ['d', 4],
    ['e', 2],
  ] as const)
    await addLane(lane, 1, { minutesAgo });

  assert.deepEqual(await laneOf(await releasedIds()), ['b', 'd', 'c', 'e']);
});

test('a lane without rows out comes before lanes with some, though they were served longer ago', async () => {
  const lanes = ['a', 'b', 'c', 'd'];
  for (const lane of lanes) await addLane(lane, 3, { minutesAgo: 60 });
  await generations.addWorker({ concurrency: 4 });
  assert.equal((await releasedIds()).length, 8);
  await db.sql(`update public.lanes set last_served_at = now() - interval '60 minutes'`);
  await db.sql('update public.workers set concurrency = 8');

  await addLane('newcomer', 1, { minutesAgo: 0 });

  assert.equal((await laneOf(await releasedIds()))[0], 'newcomer');
});

test('rows of a lane that wait for another model count as rows out of the lane', async () => {
  await addLane('both', 1, { model: 'model-b', minutesAgo: 9 });
  await releasedIds();
  await addLane('both', 4, { model: 'model-a', minutesAgo: 9 });
  await addLane('one', 4, { model: 'model-a', minutesAgo: 1 });

  assert.deepEqual(await laneOf(await releasedIds()), ['one', 'both', 'one']);
});

test('a row whose not_before has come takes its old place again', async () => {
  const [first, ...others] = await addLane('a', 6);
  await db.sql(
    `with held as (update public.generated_images set not_before = now() - interval '1 second' where id = $1 returning 1)
     update public.lanes set waiting = waiting - 1 where lane_key = 'a'`,
    [first],
  );

  assert.deepEqual(await releasedIds(), [first, ...others.slice(0, 3)]);
  assert.equal(await generations.waiting('a'), 2);
});

test('a row whose not_before has not come is left out', async () => {
  const { id, claimId } = await generations.addProcessing({ lane_key: 'a' });
  await generations.giveBack(id, claimId, { p_delay_ms: 3_600_000 });
  const ids = await addLane('a', 2);

  assert.deepEqual(await releasedIds(), ids);
});

const readLanes = () =>
  db.sql<WaitingLane>(`
    select g.lane_key,
      (select extract(epoch from max(last_served_at))::float8 from public.lanes l where l.lane_key = g.lane_key) as served,
      (count(*) filter (where g.released_at is not null))::integer as out,
      coalesce(array_agg(g.id::text order by g.id) filter (where g.released_at is null), '{}') as ids
    from public.generated_images g where g.status in ('pending', 'processing') group by 1`);

const readReleased = async () =>
  (
    await db.sql<{ id: string }>(
      'select id from public.generated_images where released_at is not null order by id',
    )
  ).map((row) => row.id);

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`every release is the one that a simple model of the lanes expects (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const slots = random.below(24);
    await generations.addWorker({ concurrency: slots });

    for (let round = 0; round < 12; round += 1) {
      const items = Array.from({ length: random.below(12) }, () =>
        newItem({ lane_key: `lane-${Math.min(random.below(20), random.below(20))}` }),
      );
      await generations.submit(items);
      const lanes = await readLanes();
      const out = lanes.reduce((sum, lane) => sum + lane.out, 0);

      const ids = await releasedIds();

      assert.deepEqual(ids, fairOrder(lanes, slots + Math.max(4, Math.floor(slots / 8)) - out));
      const gone = (await readReleased()).filter(() => random.chance(1 / 3));
      await db.sql('delete from public.generated_images where id = any ($1)', [gone]);
    }
  });
}

test('a lane counts as served whichever model its last row was for', async () => {
  await addLane('recent', 1, { model: 'model-b', minutesAgo: 5 });
  const [served] = await releasedIds();
  const claimId = randomUUID();
  await generations.claim(String(served), randomUUID(), claimId);
  await generations.complete(String(served), claimId);
  const longAgo = (minutes: number, lane: string) =>
    db.sql(
      `update public.lanes set last_served_at = now() - $1 * interval '1 minute' where lane_key = $2 and model = 'model-a'`,
      [minutes, lane],
    );
  await generations.submit(['recent', 'patient'].map((lane) => newItem({ lane_key: lane })));
  await longAgo(9, 'recent');
  await longAgo(5, 'patient');

  assert.deepEqual(await laneOf(await releasedIds()), ['patient', 'recent']);
});

test('callers who wait for two models take no more turns than one who waits for one of them', async () => {
  for (const model of ['model-b', 'model-a'])
    for (let caller = 0; caller < 20; caller += 1)
      await addLane(`both-${caller}`, 3, { model, minutesAgo: 9 });
  await addLane('one', 3, { minutesAgo: 5 });

  const turns: (string | null | undefined)[] = [];
  for (let round = 0; round < 6; round += 1) {
    const ids = await releasedIds();
    turns.push(...(await laneOf(ids)));
    await db.sql(
      `update public.generated_images set status = 'canceled', completed_at = now() where id = any ($1)`,
      [ids],
    );
  }

  assert.equal(new Set(turns.slice(0, 20)).size, 20);
  assert.equal(turns[20], 'one');
});
