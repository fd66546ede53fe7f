import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { createBatches } from '../support/sql-batches.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
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

test('a cancel ends what waits, wherever it stands, and asks what runs to stop', async () => {
  const { id, ids } = await batches.make(1_203);
  await batches.admit(id);
  const [running = ''] = ids;
  const workerId = await generations.addWorker();
  await generations.release();
  await generations.claim(running, workerId, randomUUID());

  const marked = await batches.cancel(id);
  assert.ok(marked.canceled_at);
  assert.equal(await batches.admit(id), 0);
  assert.deepEqual(await batches.advance(), { admit: [], cancel: [id] });
  const pages = [await batches.cancelImages(id), await batches.cancelImages(id)];

  assert.equal(pages.flatMap((page) => page.canceled).length, 1_202);
  assert.deepEqual(
    pages.flatMap((page) => page.stopping),
    [running],
  );
  assert.deepEqual(await batches.cancelImages(id), { canceled: [], stopping: [], more: false });
  assert.equal(await generations.waiting('anonymous'), 0);
  assert.ok((await generations.row(running))?.status === 'processing');
  assert.equal((await batches.cancel(id)).canceled_at, marked.canceled_at);
});

test('the failed and expired of a batch are made again in another one', async () => {
  const { id, ids } = await batches.make(3, { item: { metadata: { row: '1' } } });
  await batches.admitAll(id);
  const [failed = '', expired = '', canceled = ''] = ids;
  const workerId = await generations.addWorker();
  const claimId = randomUUID();
  await generations.release();
  await generations.claim(failed, workerId, claimId);
  await generations.fail(failed, claimId);
  await generations.passDeadline(expired);
  await generations.expire();
  await db.sql(`update public.generated_images set status = 'canceled', completed_at = now() where id = $1`, [
    canceled,
  ]);

  const again = await batches.open({ parent_id: id });
  const { copied, last } = await batches.copyFailed(again, id);
  assert.deepEqual(await batches.copyFailed(again, id, last), { copied: 0, last: null });

  assert.equal(copied, 2);
  assert.deepEqual(await batches.seal(again, 2), { outcome: 'sealed', id: again });
  const rows = await db.sql(
    `select parent_id, root_id, status, metadata from public.generated_images where batch_id = $1 order by id`,
    [again],
  );
  assert.deepEqual(
    rows,
    [failed, expired].map((parent) => ({
      parent_id: parent,
      root_id: parent,
      status: 'pending',
      metadata: { row: '1' },
    })),
  );
});

test('an upload that broke off goes after an hour, with its images; one that goes on stays', async () => {
  const [old, young] = [await batches.open(), await batches.open()];
  await batches.add(
    old,
    Array.from({ length: 1_000 }, () => newItem()),
  );
  await batches.add(old, [newItem()]);
  await batches.add(young, [newItem()]);
  await batches.age(old);

  while (await batches.dropUnsealed());

  const left = await db.sql('select batch_id, count(*)::int as n from public.generated_images group by 1');
  assert.deepEqual(left, [{ batch_id: young, n: 1 }]);
  assert.deepEqual(await batches.seal(old, 1_001), { outcome: 'gone' });
});

test('what will not be sealed is discarded, what is sealed is not', async () => {
  const id = await batches.open();
  await batches.add(
    id,
    Array.from({ length: 1_000 }, () => newItem()),
  );
  await batches.add(id, [newItem()]);
  const sealed = await batches.make(1);

  assert.deepEqual([await batches.discard(id), await batches.discard(id)], [true, false]);
  assert.equal(await batches.discard(sealed.id), false);

  const left = await db.sql('select batch_id from public.generated_images');
  assert.deepEqual(left, [{ batch_id: sealed.id }]);
  assert.equal((await db.sql('select 1 from public.batches')).length, 1);
});

test('lists go on behind a cursor, and show nobody the batches of another', async () => {
  const [user, other] = [randomUUID(), randomUUID()];
  const mine = [];
  for (let n = 0; n < 3; n++) mine.push((await batches.make(0, { user_id: user })).id);
  await batches.make(0, { user_id: other });
  await batches.open({ user_id: user });
  type Listed = { id: string; created_at: string };
  const list = (fields = {}) =>
    batches.ask<Listed[]>('list_batches', { p_user_id: user, p_limit: 2, ...fields });

  const first = await list();
  const cursor = first.at(-1);
  const second = await list({ p_cursor_created_at: cursor?.created_at, p_cursor_id: cursor?.id });

  assert.deepEqual(
    [...first, ...second].map((batch) => batch.id),
    mine.toReversed(),
  );
  assert.equal((await list({ p_admin: true, p_limit: 100 })).length, 4);
  assert.equal(await batches.get(mine[0] ?? '', other, false), undefined);
});
