import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem, type Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

type Page = {
  items: Row[];
  next: { created_at: string; id: string } | null;
  total: number | null;
  total_complete: boolean | null;
};
const search = async (userId: string | null, filter: object, options = {}): Promise<Page> => {
  const args = { p_user_id: userId, p_filter: JSON.stringify(filter), p_limit: 100, ...options };
  return (await callFunction<Page>(db.service, 'search_generations', args))[0] as Page;
};
const found = async (userId: string | null, filter: object, options = {}): Promise<Set<string>> =>
  new Set((await search(userId, filter, options)).items.map((row) => row.id));

async function add(userId: string | null, fields: object = {}, columns: object = {}): Promise<string> {
  const item = newItem({ user_id: userId, ...fields });
  await generations.submit([item]);
  for (const [column, value] of Object.entries(columns))
    await db.sql(`update public.generated_images set ${column} = $1 where id = $2`, [value, item.id]);
  return item.id;
}

async function addCanceled(userId: string): Promise<string> {
  const id = await add(userId);
  await callFunction(db.service, 'cancel_generation', { p_id: id, p_user_id: userId });
  return id;
}

test('each filter finds what it names, of the caller alone', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const [dataset, batch, root] = [await db.createDataset(), randomUUID(), randomUUID()];
  const filters: [string, unknown, string][] = [
    ['dataset_id', dataset, await add(user, { dataset_id: dataset })],
    ['batch_id', batch, await add(user, {}, { batch_id: batch })],
    ['root_id', root, await add(user, {}, { root_id: root })],
    ['style', 'photo', await add(user, { style: 'photo' })],
    ['model', 'model-x', await add(user, { model: 'model-x' })],
    ['metadata', { row: '17' }, await add(user, { metadata: { row: '17', sheet: 'a' } })],
    ['q', '100% FOX_', await add(user, { prompt: 'A 100% fox_y thing' })],
    ['statuses', ['canceled'], await addCanceled(user)],
    ['created_after', '2031-01-01T00:00:00Z', await add(user, {}, { created_at: '2031-01-01T00:00:00Z' })],
    ['created_before', '2001-01-02T00:00:00Z', await add(user, {}, { created_at: '2001-01-01T00:00:00Z' })],
  ];
  await add(other, { dataset_id: dataset, style: 'photo', model: 'model-x', metadata: { row: '17' } });
  await add(other, {}, { batch_id: batch, root_id: root, created_at: '2031-02-01T00:00:00Z' });

  for (const [key, value, id] of filters) {
    assert.deepEqual(await found(user, { [key]: value }), new Set([id]), key);
    assert.deepEqual(await found(null, { [key]: value }), new Set(), `${key}, for anonymous callers`);
  }
});

test('filters hold together', async () => {
  const [user, dataset] = [await db.createUser(), await db.createDataset()];
  const both = await add(user, { style: 'photo', dataset_id: dataset, prompt: 'a fox' });
  await add(user, { style: 'photo', prompt: 'a fox' });
  await add(user, { style: 'oil', dataset_id: dataset, prompt: 'a fox' });
  await add(user, { style: 'photo', dataset_id: dataset, prompt: 'a cat' });

  const filter = { style: 'photo', dataset_id: dataset, q: 'fox', statuses: ['pending', 'failed'] };

  assert.deepEqual(await found(user, filter), new Set([both]));
});

test('several statuses are any of them, none is nothing, and null does not filter', async () => {
  const user = await db.createUser();
  const pending = await add(user);
  const { id: processing, claimId } = await generations.addProcessing({ user_id: user });
  const { id: done, claimId: doneClaim } = await generations.addProcessing({ user_id: user });
  await generations.complete(done, doneClaim);
  assert.ok(claimId);

  assert.deepEqual(
    [
      await found(user, { statuses: ['pending', 'succeeded'] }),
      await found(user, { statuses: ['processing'] }),
      await found(user, { statuses: [] }),
      await found(user, { statuses: null, style: null, metadata: {}, q: '' }),
    ],
    [new Set([pending, done]), new Set([processing]), new Set(), new Set([pending, processing, done])],
  );
});

test('all pairs of a metadata filter have to be there', async () => {
  const user = await db.createUser();
  const id = await add(user, { metadata: { sheet: 'a', row: '1' } });
  await add(user, { metadata: { sheet: 'a', row: '2' } });
  await add(user, { metadata: { row: '1' } });

  assert.deepEqual(await found(user, { metadata: { sheet: 'a', row: '1' } }), new Set([id]));
});

test('a lineage is its root and what was made from it, but no image that only is part of another one', async () => {
  const user = await db.createUser();
  const root = await add(user);
  const child = await add(user, {}, { root_id: root, parent_id: root });
  const grandchild = await add(user, {}, { root_id: root, parent_id: child });

  assert.deepEqual(await found(user, { root_id: root }), new Set([root, child, grandchild]));
  assert.deepEqual(await found(user, { root_id: child }), new Set());
});

test('ids are found as far as the caller has them and they were not deleted', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const [mine, deleted] = [await add(user), await add(user)];
  const [theirs, nobodys] = [await add(other), await add(null)];
  await callFunction(db.service, 'delete_generation', { p_id: deleted, p_user_id: user });
  const filter = { ids: [mine, deleted, theirs, nobodys, randomUUID()] };

  assert.deepEqual(await found(user, filter), new Set([mine]));
  assert.deepEqual(await found(null, filter), new Set([nobodys]));
  assert.deepEqual(await found(null, filter, { p_admin: true }), new Set([mine, theirs, nobodys]));
});

test('an admin sees all and may ask for one user; nobody else gets more by asking', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const style = randomUUID();
  const [mine, theirs, nobodys] = [
    await add(user, { style }),
    await add(other, { style }),
    await add(null, { style }),
  ];

  assert.deepEqual(await found(null, { style }, { p_admin: true }), new Set([mine, theirs, nobodys]));
  assert.deepEqual(await found(null, { style, user_id: other }, { p_admin: true }), new Set([theirs]));
  assert.deepEqual(await found(user, { style, user_id: other }), new Set());
  assert.deepEqual(await found(null, { style, user_id: other }), new Set());
});

test('oldest first walks the same images the other way round', async () => {
  const user = await db.createUser();
  const ids = [];
  for (let n = 0; n < 5; n += 1) ids.push(await add(user, {}, { created_at: '2026-01-01T00:00:00Z' }));
  const walked: string[] = [];
  let cursor = {};

  for (;;) {
    const { items, next } = await search(user, {}, { p_limit: 2, p_ascending: true, ...cursor });
    walked.push(...items.map((row) => row.id));
    if (!next) break;
    cursor = { p_cursor_created_at: next.created_at, p_cursor_id: next.id };
  }

  assert.deepEqual(walked, ids.toSorted());
});

test('a page that is just full has no next one', async () => {
  const user = await db.createUser();
  for (let n = 0; n < 3; n += 1) await add(user);

  const [full, short] = [await search(user, {}, { p_limit: 3 }), await search(user, {}, { p_limit: 2 })];

  assert.deepEqual([full.items.length, full.next], [3, null]);
  assert.deepEqual(short.next, { created_at: short.items[1]?.created_at, id: short.items[1]?.id });
});

test('a total is counted when it is asked for, whatever page it comes with', async () => {
  const user = await db.createUser();
  const [first] = [await add(user, { style: 'photo' }), await add(user), await add(user, { style: 'photo' })];
  const asked = { p_include_total: true, p_limit: 1 };

  const [whole, filtered] = [
    await search(user, {}, { ...asked, p_offset: 2 }),
    await search(user, { style: 'photo', q: 'cat' }, asked),
  ];
  const unasked = await search(user, {});

  assert.deepEqual(
    [whole, filtered, unasked].map((page) => [page.total, page.total_complete]),
    [
      [3, true],
      [2, true],
      [null, null],
    ],
  );
  assert.equal(whole.items[0]?.id, first);
});

test('a filter that is not known is refused, not overlooked', async () => {
  assert.equal(await errorCode(search(null, { styles: 'photo' })), '22023');
});

test('what looks like SQL in a filter is text', async () => {
  const user = await db.createUser();
  const text = `'; drop table public.generated_images; -- $1 %s`;
  const id = await add(user, { style: text, model: text, prompt: text, metadata: { [text]: text } });

  const filter = { style: text, model: text, q: text, metadata: { [text]: text } };

  assert.deepEqual(await found(user, filter), new Set([id]));
});

test('a text that is rare in a long history is found by going on from page to page', async () => {
  const user = await db.createUser();
  await db.sql(
    `insert into public.generated_images (user_id, prompt, full_prompt, image_url, created_at)
     select $1, case when n = 25000 then 'a rare fox' else 'a cat' end, 'a', 'u', now() - n * interval '1 second'
     from generate_series(1, 25000) n`,
    [user],
  );
  const pages: number[] = [];
  let cursor = {};

  for (;;) {
    const asked = { p_include_total: true, ...cursor };
    const { items, next, total, total_complete } = await search(user, { q: 'FOX' }, asked);
    pages.push(items.length);
    assert.deepEqual([total, total_complete], [0, false]);
    if (!next) break;
    cursor = { p_cursor_created_at: next.created_at, p_cursor_id: next.id };
  }

  assert.deepEqual(pages, [0, 0, 1]);
});
