import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

type Filter = Record<string, unknown>;
const ask = async <T>(name: string, filter: Filter) =>
  (
    await callFunction<T>(db.service, name, {
      p_lane_key: null,
      p_model: null,
      p_created_before: null,
      p_limit: 100,
      ...filter,
    })
  )[0] as T;
const purge = (filter: Filter = {}) => ask<{ ids: string[]; skipped: number }>('purge_generations', filter);
const count = (filter: Filter = {}) => ask<number>('count_purgeable', filter);
const submit = (lane: string, n: number, model = 'model-a') =>
  generations.submit(Array.from({ length: n }, () => newItem({ lane_key: lane, model })));
const age = (lane: string) =>
  db.sql(`update public.generated_images set created_at = now() - interval '2 days' where lane_key = $1`, [
    lane,
  ]);
const yesterday = () => new Date(Date.now() - 86_400_000).toISOString();

test('pending rows are canceled with an event, those in work go on', async () => {
  const waiting = await generations.addPending();
  const out = await generations.addPending({ released: true });
  const delayed = await generations.addProcessing();
  await generations.giveBack(delayed.id, delayed.claimId, { p_delay_ms: 60_000, p_failure: true });
  const working = await generations.addProcessing();

  const { ids, skipped } = await purge();

  assert.deepEqual([ids.toSorted(), skipped], [[waiting, out, delayed.id].sort(), 0]);
  for (const id of ids) {
    assert.partialDeepStrictEqual(await generations.row(id), { status: 'canceled', error_code: null });
    assert.equal((await generations.events(id)).at(-1)?.to_status, 'canceled');
  }
  assert.equal((await generations.row(working.id))?.status, 'processing');
  assert.ok(await generations.complete(working.id, working.claimId));
  assert.equal(await generations.waiting('anonymous'), 0);
  assert.deepEqual(await purge(), { ids: [], skipped: 0 });
});

test('a lane, a model and an age choose, and counting says beforehand what goes', async () => {
  await submit('a', 3);
  await submit('a', 2, 'model-b');
  await submit('b', 4);
  await age('b');

  const counts = [
    await count(),
    await count({ p_lane_key: 'a' }),
    await count({ p_model: 'model-a' }),
    await count({ p_lane_key: 'a', p_model: 'model-b' }),
    await count({ p_created_before: yesterday() }),
    await count({ p_limit: 2 }),
  ];
  const { ids } = await purge({ p_lane_key: 'a', p_model: 'model-a' });

  assert.deepEqual(counts, [9, 5, 7, 2, 4, 2]);
  assert.equal(ids.length, 3);
  assert.deepEqual(
    [
      await generations.waiting('a'),
      await generations.waiting('a', 'model-b'),
      await generations.waiting('b'),
    ],
    [0, 2, 4],
  );
});

test('a row that was canceled while it was out is not claimed any more', async () => {
  await generations.addPending();
  const [job] = (await generations.release()).jobs;
  await purge();

  const claimed = await generations.claim(String(job?.id), String(job?.id), String(job?.id));

  assert.equal(claimed, undefined);
});

test('calls go on where the last one stopped until nothing is left', async () => {
  for (const lane of ['a', 'b', 'c']) await submit(lane, 10);

  const counts = [];
  for (let call = 0; call < 5; call += 1) counts.push((await purge({ p_limit: 8 })).ids.length);

  assert.deepEqual(counts, [8, 8, 8, 6, 0]);
});

test('a row that somebody else is changing is told as skipped, and not waited for', async () => {
  const [id = ''] = (await submit('a', 3)).map((row) => row.id);
  const other = await db.connect();
  await other.query('begin');
  await other.query('select from public.generated_images where id = $1 for update', [id]);

  const meanwhile = await purge();
  await other.query('rollback');
  other.release();

  assert.deepEqual([meanwhile.ids.length, meanwhile.skipped], [2, 1]);
  assert.deepEqual((await purge()).ids, [id]);
});

test('a purge waits for a submit to the lane, and counts it right', async () => {
  await submit('a', 2);
  const [submitting, purging] = [await db.connect(), await db.connect()];
  await submitting.query('begin');
  await generations.submit([newItem({ lane_key: 'a' })], submitting);

  const purged = callFunction<{ ids: string[] }>(purging, 'purge_generations', {
    p_lane_key: 'a',
    p_model: null,
    p_created_before: null,
    p_limit: 10,
  });
  await untilBlocked(db, purging);
  await submitting.query('commit');

  assert.equal((await purged)[0]?.ids.length, 2);
  assert.equal(await generations.waiting('a'), 1);
  submitting.release();
  purging.release();
});
