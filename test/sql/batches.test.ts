import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { createBatches } from '../support/sql-batches.ts';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const batches = createBatches(db);
beforeEach(async () => {
  await generations.clear();
  await batches.clear();
});
after(() => db.close());

const NONE = { pending: 0, processing: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0, cost_usd: 0 };
const history = async (batchId?: string) =>
  (
    await callFunction<{ items: { id: string }[] }>(db.service, 'search_generations', {
      p_user_id: null,
      p_filter: JSON.stringify(batchId ? { batch_id: batchId } : {}),
      p_limit: 100,
    })
  )[0]?.items.map(({ id }) => id);
const get = async (id: string) =>
  (await callFunction(db.service, 'get_generation', { p_id: id, p_user_id: null }))[0];

test('before the seal nothing of a batch shows, counts or goes out, and after it everything', async () => {
  await generations.addWorker();
  const id = await batches.open();
  const items = [newItem(), newItem()];
  assert.equal(await batches.add(id, items), true);

  assert.deepEqual(await history(), []);
  assert.equal(await get(items[0]?.id ?? ''), undefined);
  assert.equal(await batches.get(id), undefined);
  assert.deepEqual((await generations.release()).jobs, []);
  assert.equal(await batches.admit(id), 0);

  assert.deepEqual(await batches.seal(id, 2), { outcome: 'sealed', id });
  const ids = items.map((item) => item.id);
  assert.deepEqual((await history(id))?.toSorted(), ids.toSorted());
  assert.partialDeepStrictEqual(await batches.get(id), { total: 2, counts: { ...NONE, pending: 2 } });
  assert.deepEqual((await generations.release()).jobs, []);
  await batches.admitAll(id);
  assert.equal(await generations.waiting('anonymous'), 2);
  assert.deepEqual(
    (await generations.release()).jobs.map((job) => job.id),
    ids,
  );
});

test('a page that comes twice is there once, and a batch that lacks some is not sealed', async () => {
  const id = await batches.open();
  const items = [newItem(), newItem()];
  await batches.add(id, items);
  await batches.add(id, items);

  assert.deepEqual(await batches.seal(id, 3), { outcome: 'incomplete' });
  assert.deepEqual(await batches.seal(id, 2), { outcome: 'sealed', id });
  assert.deepEqual(await batches.seal(id, 2), { outcome: 'sealed', id });
  assert.equal(await batches.add(id, [newItem()]), false);
  assert.equal((await batches.get(id))?.total, 2);
});

test('a page with an unknown dataset or a custom_id that is taken writes nothing', async () => {
  const id = await batches.open();
  await batches.add(id, [newItem({ custom_id: 'one' })]);

  for (const [bad, code] of [
    [{ dataset_id: randomUUID() }, '23503'],
    [{ custom_id: 'one' }, '23505'],
  ] as const) {
    assert.equal(await errorCode(batches.add(id, [newItem(), newItem(bad)])), code);
  }
  assert.deepEqual(await batches.seal(id, 1), { outcome: 'sealed', id });
  const other = await batches.open();
  assert.equal(await batches.add(other, [newItem({ custom_id: 'one' })]), true);
});

test('of two batches with one Idempotency-Key the first that is sealed counts, for a day', async () => {
  const key = { idempotency_scope: 'anonymous /ai/batches', idempotency_key: 'k', request_hash: 'h' };
  const first = await batches.make(1, key);

  const twin = await batches.open(key);
  await batches.add(twin, [newItem()]);
  assert.deepEqual(await batches.seal(twin, 1), { outcome: 'replayed', id: first.id });
  const other = await batches.open({ ...key, request_hash: 'other' });
  assert.deepEqual(await batches.seal(other, 0), { outcome: 'key_reused', id: first.id });
  assert.equal(await batches.get(twin), undefined);

  await db.sql(`update public.batches set sealed_at = now() - interval '25 hours' where id = $1`, [first.id]);
  assert.deepEqual(await batches.seal(other, 0), { outcome: 'sealed', id: other });
});

test('the repeat of a batch that was sealed is told of it, though its lane has no room for another', async () => {
  const key = { idempotency_scope: 's', idempotency_key: 'k', request_hash: 'h' };
  const first = await batches.make(2, key);
  await batches.admitAll(first.id);
  await db.sql('update public.settings set max_pending = 3');
  const twin = await batches.open(key);
  await batches.add(twin, [newItem(), newItem()]);

  assert.deepEqual(await batches.seal(twin, 2), { outcome: 'replayed', id: first.id });
});

test('two seals of one key at once make one batch', async () => {
  const key = { idempotency_scope: 's', idempotency_key: 'k', request_hash: 'h' };
  const ids = await Promise.all(Array.from({ length: 8 }, () => batches.open(key)));

  const sealed = await Promise.all(ids.map((id) => batches.seal(id, 0)));

  assert.equal(sealed.filter(({ outcome }) => outcome === 'sealed').length, 1);
  assert.equal(new Set(sealed.map(({ id }) => id)).size, 1);
});

test('a batch for which its lane has no room is refused whole', async () => {
  await db.sql('update public.settings set max_pending = 3');
  await generations.submit([newItem(), newItem()]);
  const id = await batches.open();
  await batches.add(id, [newItem(), newItem()]);

  assert.deepEqual(await batches.seal(id, 2), { outcome: 'queue_full' });
  assert.equal(await batches.get(id), undefined);
});

test('what is sealed and not yet let into its lane takes up room there', async () => {
  await db.sql('update public.settings set max_pending = 4');
  const first = await batches.open();
  await batches.add(first, [newItem(), newItem(), newItem()]);
  await batches.seal(first, 3);
  const [second, third] = [await batches.open(), await batches.open()];
  await batches.add(second, [newItem(), newItem()]);
  await batches.add(third, [newItem()]);

  assert.deepEqual(await batches.seal(second, 2), { outcome: 'queue_full' });
  assert.deepEqual(await batches.seal(third, 1), { outcome: 'sealed', id: third });
});

test('admitting from several sides lets each image in once', async () => {
  const { id } = await batches.make(2_500);

  await Promise.all(Array.from({ length: 4 }, () => batches.admitAll(id)));

  assert.equal(await generations.waiting('anonymous'), 2_500);
  assert.deepEqual(await batches.advance(), { admit: [], cancel: [] });
});

test('what a process that died had not admitted is named, and ends as one', async () => {
  const { id, ids } = await batches.make(1);
  assert.deepEqual(await batches.advance(), { admit: [id], cancel: [] });
  await batches.admitAll(id);

  const workerId = await generations.addWorker();
  const claimId = randomUUID();
  await generations.release();
  await generations.claim(ids[0] ?? '', workerId, claimId);
  assert.partialDeepStrictEqual(await batches.get(id), { counts: { processing: 1 }, ended_at: null });
  await batches.advance();
  assert.equal((await batches.get(id))?.ended_at, null);
  await generations.complete(ids[0] ?? '', claimId);

  assert.deepEqual(await batches.advance(), { admit: [], cancel: [] });
  const ended = await batches.get(id);
  assert.partialDeepStrictEqual(ended, { counts: { ...NONE, succeeded: 1, cost_usd: 0.04 } });
  assert.ok(ended?.ended_at);
  await batches.advance();
  assert.equal((await batches.get(id))?.ended_at, ended.ended_at);
});

test("a batch knows how many of its caller's images go out before it, and how many of its own are on their way", async () => {
  const item = { lane_key: 'somebody' };
  await generations.addPending(item);
  const first = await batches.make(3, { lane_key: 'somebody', item });
  const second = await batches.make(2, { lane_key: 'somebody', item });
  await batches.admitAll(first.id);
  await batches.admitAll(second.id);
  await generations.addPending(item);
  await generations.addPending();

  const before = [await batches.get(first.id), await batches.get(second.id)].map((batch) => batch?.next);
  await db.sql(
    `update public.generated_images set status = 'canceled', completed_at = now() where id = any ($1)`,
    [second.ids],
  );
  await db.sql(`update public.generated_images set released_at = now() where id = $1`, [first.ids[0]]);
  const after = [await batches.get(first.id), await batches.get(second.id)].map((batch) => batch?.next);

  assert.partialDeepStrictEqual(before, [
    { ahead: 1, released: 0 },
    { ahead: 4, released: 0 },
  ]);
  assert.partialDeepStrictEqual(after, [{ ahead: 1, released: 1 }, null]);
});

test('in front of a batch no more than a thousand images are counted, then all that wait in its lane', async () => {
  const items = Array.from({ length: 1_010 }, () => newItem({ lane_key: 'long' }));
  await generations.submit(items);
  const { id } = await batches.make(2, { lane_key: 'long', item: { lane_key: 'long' } });
  await batches.admitAll(id);

  const exact = (await batches.get(id))?.next?.ahead;
  await db.sql('delete from public.generated_images where id = any ($1)', [
    items.slice(0, 10).map((one) => one.id),
  ]);

  assert.deepEqual([exact, (await batches.get(id))?.next?.ahead], [1_010, 1_000]);
});
