import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem, type Released } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

const submitMany = (count: number, lanes = 1) =>
  generations.submit(
    Array.from({ length: count }, (_, index) => newItem({ lane_key: `lane-${index % lanes}` })),
  );

for (const [slots, room] of [
  [0, 4],
  [1, 5],
  [4, 8],
  [31, 35],
  [40, 45],
  [56, 63],
] as const) {
  test(`with ${slots} live slots ${room} rows may be out`, async () => {
    await generations.addWorker({ concurrency: slots });
    await submitMany(room + 10);

    const first = await generations.release();
    const second = await generations.release();

    assert.deepEqual([first.jobs.length, second.jobs.length], [room, 0]);
    assert.equal(await generations.waiting('lane-0'), 10);
  });
}

for (const [what, workers, ahead, room] of [
  ['what the slots have anyway', [16], 3, 20],
  ['what ends meanwhile', [16], 9, 25],
  ['what ends meanwhile at each worker that takes jobs', [8, 8, 0], 5, 26],
  ['twice as many as there are slots, whatever is asked for', [16], 50, 48],
  ['four, whatever is asked for, with fewer slots', [1], 50, 5],
  ['four where nothing can end', [], 50, 4],
] as const) {
  test(`beyond the slots go out ${what}`, async () => {
    for (const concurrency of workers) await generations.addWorker({ concurrency });
    await submitMany(60);

    const { jobs } = await generations.release(undefined, { p_ahead: ahead });

    assert.equal(jobs.length, room);
  });
}

test('one call releases at most 64 rows', async () => {
  await generations.addWorker({ concurrency: 100 });
  await submitMany(120);

  const counts = [];
  for (let call = 0; call < 3; call += 1) counts.push((await generations.release()).jobs.length);

  assert.deepEqual(counts, [64, 48, 0]);
});

test('slots of dead workers do not count', async () => {
  await generations.kill(await generations.addWorker({ concurrency: 50 }));
  await generations.addWorker({ concurrency: 2 });
  await submitMany(20);

  assert.equal((await generations.release()).jobs.length, 6);
});

test('a row that is processed takes room until it ends', async () => {
  await submitMany(8);
  const { jobs } = await generations.release();
  const [job] = jobs;
  const claimId = randomUUID();
  await generations.claim(String(job?.id), randomUUID(), claimId);
  const whileProcessed = await generations.release();

  await generations.complete(String(job?.id), claimId);

  assert.equal(whileProcessed.jobs.length, 0);
  assert.equal((await generations.release()).jobs.length, 1);
});

test('a row goes out again under the next epoch after it came back', async () => {
  const id = await generations.addPending();
  const first = await generations.release();
  const claimId = randomUUID();
  await generations.claim(id, randomUUID(), claimId);
  await generations.giveBack(id, claimId);

  const second = await generations.release();

  assert.deepEqual([first.jobs, second.jobs], [[{ id, epoch: 1 }], [{ id, epoch: 2 }]]);
});

test('with nothing to release the answer is empty and not contended', async () => {
  assert.deepEqual(await generations.release(), { contended: false, jobs: [] });
});

test('a lane that lost its rows with their user is counted right after the next release', async () => {
  const userId = await db.createUser();
  await generations.submit([
    newItem({ user_id: userId, lane_key: 'user' }),
    newItem({ user_id: userId, lane_key: 'user' }),
  ]);
  await db.sql('delete from auth.users where id = $1', [userId]);
  const overcounted = await generations.waiting('user');

  await generations.release();

  assert.deepEqual([overcounted, await generations.waiting('user')], [2, 0]);
});

test('eight callers at once release 500 rows, none twice and never more than there is room for', async () => {
  await generations.addWorker({ concurrency: 40 });
  await submitMany(500, 25);
  const released: string[] = [];
  let most = 0;
  const watch = async () => {
    const rows = await db.sql<{ out: number }>(
      `select count(*)::integer as out from public.generated_images
       where released_at is not null and status in ('pending', 'processing')`,
    );
    most = Math.max(most, rows[0]?.out ?? 0);
  };
  const call = async (): Promise<void> => {
    while (released.length < 500) {
      const { jobs }: Released = await generations.release();
      released.push(...jobs.map((job) => job.id));
      await watch();
      await db.sql(
        `update public.generated_images set status = 'canceled', completed_at = now() where id = any ($1)`,
        [jobs.map((job) => job.id)],
      );
    }
  };

  await Promise.all(Array.from({ length: 8 }, call));

  assert.equal(released.length, 500);
  assert.equal(new Set(released).size, 500);
  assert.ok(most <= 45, `${most} rows were out`);
  const left = await db.sql<{ waiting: string }>('select sum(waiting) as waiting from public.lanes');
  assert.equal(Number(left[0]?.waiting), 0);
});
