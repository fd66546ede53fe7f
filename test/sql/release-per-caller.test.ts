import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem, type Released } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const { release } = generations;
beforeEach(() => generations.clear());
after(() => db.close());

const limitEach = (most: number) =>
  db.sql('update public.settings set max_concurrency_per_caller = $1', [most]);
const lanesOf = async ({ jobs }: Released) =>
  (
    await db.sql<{ lane_key: string }>(
      'select lane_key from public.generated_images where id = any ($1) order by lane_key',
      [jobs.map(({ id }) => id)],
    )
  ).map((row) => row.lane_key);

test('holds over models, leaves the room to others, and a row that ends makes room for one', async () => {
  await generations.addWorker({ concurrency: 40 });
  await limitEach(3);
  await generations.submit(
    Array.from({ length: 20 }, (_, index) =>
      newItem({ lane_key: 'large', model: index % 2 ? 'model-a' : 'model-b' }),
    ),
  );
  await generations.submit([newItem({ lane_key: 'small' })]);

  const [first, again] = [await release(), await release()];
  const id = String(first.jobs[0]?.id);
  const claimId = randomUUID();
  await generations.claim(id, randomUUID(), claimId);
  const whileProcessed = await release();
  await generations.complete(id, claimId);

  assert.deepEqual(await lanesOf(first), ['large', 'large', 'large', 'small']);
  assert.deepEqual([again.jobs.length, whileProcessed.jobs.length], [0, 0]);
  assert.deepEqual(await lanesOf(await release()), ['large']);
});

test('hides nobody behind callers that have all they may', async () => {
  await generations.addWorker({ concurrency: 60 });
  await limitEach(1);
  await generations.submit(
    Array.from({ length: 120 }, (_, index) => newItem({ lane_key: `lane-${index % 60}` })),
  );
  assert.equal((await release()).jobs.length, 60);
  await db.sql(`update public.lanes set last_served_at = now() - interval '1 hour'`);

  await generations.submit([newItem({ lane_key: 'newcomer' })]);

  assert.deepEqual(await lanesOf(await release()), ['newcomer']);
});

test('holds for rows whose time has come again, which wait in their old place then', async () => {
  await generations.addWorker({ concurrency: 40 });
  await limitEach(1);
  const held = await Promise.all([1, 2].map(() => generations.addProcessing({ lane_key: 'a' })));
  for (const { id, claimId } of held) await generations.giveBack(id, claimId);

  const [first, second] = [await release(), await release()];

  assert.deepEqual([first.jobs.length, second.jobs.length], [1, 0]);
  assert.equal(await generations.waiting('a'), 1);
});
