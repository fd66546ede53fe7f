import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem, type Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const get = async (id: string, userId: string | null): Promise<Row | undefined> =>
  (await callFunction<Row>(db.service, 'get_generation', { p_id: id, p_user_id: userId }))[0];
type Page = {
  items: Row[];
  next: { created_at: string; id: string } | null;
  total: number | null;
  total_complete: boolean | null;
};
const search = async (userId: string | null, filter = {}, options = {}): Promise<Page> => {
  const args = { p_user_id: userId, p_filter: JSON.stringify(filter), p_limit: 100, ...options };
  return (await callFunction<Page>(db.service, 'search_generations', args))[0] as Page;
};
const list = async (userId: string | null, filter = {}, options = {}): Promise<Row[]> =>
  (await search(userId, filter, options)).items;
const ids = (rows: Row[]) => rows.map((row) => row.id);
/** So many rows of one user, all with the same created_at. */
async function addMany(count: number, userId: string | null, fields = {}): Promise<string[]> {
  const items = Array.from({ length: count }, () => newItem({ user_id: userId, ...fields }));
  await generations.submit(items);
  return items.map((item) => item.id);
}

test("an image is its user's, and nobody else gets it", async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const id = await generations.addPending({ user_id: user });

  assert.deepEqual(
    [(await get(id, user))?.id, await get(id, other), await get(id, null), await get(randomUUID(), user)],
    [id, undefined, undefined, undefined],
  );
});

test("an admin gets everybody's images", async () => {
  const [id, anonymous] = [
    await generations.addPending({ user_id: await db.createUser() }),
    await generations.addPending(),
  ];
  const asAdmin = (image: string) =>
    callFunction<Row>(db.service, 'get_generation', { p_id: image, p_user_id: null, p_admin: true });

  assert.deepEqual([(await asAdmin(id))[0]?.id, (await asAdmin(anonymous))[0]?.id], [id, anonymous]);
});

test('an image of no user is for anonymous callers only', async () => {
  const id = await generations.addPending();

  assert.deepEqual([(await get(id, null))?.id, await get(id, await db.createUser())], [id, undefined]);
});

test("history shows a user's images, newest first", async () => {
  const user = await db.createUser();
  const [first, second, third] = await addMany(3, user);
  await addMany(1, await db.createUser());
  await db.sql(`update public.generated_images set created_at = now() + interval '1 hour' where id = $1`, [
    second,
  ]);

  assert.deepEqual(ids(await list(user)), [second, third, first]);
});

test('history leaves out images that were deleted', async () => {
  const user = await db.createUser();
  const [kept, deleted] = await addMany(2, user);
  await db.sql('update public.generated_images set deleted_at = now() where id = $1', [deleted]);

  assert.deepEqual(ids(await list(user)), [kept]);
});

test("anonymous history holds no user's images", async () => {
  const user = await db.createUser();
  const [mine] = await addMany(1, user);
  const [anonymous] = await addMany(1, null);

  const found = ids(await list(null));

  assert.deepEqual([found.includes(String(anonymous)), found.includes(String(mine))], [true, false]);
});

for (const size of [1, 3, 7, 50]) {
  test(`pages of ${size} walk all images exactly once though they were made in one moment`, async () => {
    const user = await db.createUser();
    const all = await addMany(20, user);
    await db.sql(
      `update public.generated_images set created_at = created_at - interval '1 microsecond'
      where id = any ($1)`,
      [all.slice(5, 9)],
    );
    const walked: string[] = [];
    let cursor = {};

    for (;;) {
      const { items, next } = await search(user, {}, { p_limit: size, ...cursor });
      walked.push(...ids(items));
      if (!next) break;
      cursor = { p_cursor_created_at: next.created_at, p_cursor_id: next.id };
    }

    assert.deepEqual(walked, ids(await list(user)));
    assert.deepEqual(walked.toSorted(), all);
  });
}

test('a page by offset is the same part of history as by cursor', async () => {
  const user = await db.createUser();
  await addMany(9, user);
  const whole = ids(await list(user));

  assert.deepEqual(ids(await list(user, {}, { p_limit: 4, p_offset: 4 })), whole.slice(4, 8));
});

test('a page holds at most a thousand images, whatever is asked for', async () => {
  const user = await db.createUser();
  await addMany(1001, user);

  const page = await list(user, {}, { p_limit: 5000 });

  assert.equal(new Set(ids(page)).size, 1000);
});

test('a page of nothing is an empty list', async () => {
  assert.deepEqual(await list(await db.createUser()), []);
});

test('a process of before reads history as it did', async () => {
  const user = await db.createUser();
  const [first, second] = await addMany(2, user);
  const args = { p_user_id: user, p_limit: 1, p_statuses: ['pending'], p_dataset_id: null };

  const [page = []] = await callFunction<Row[]>(db.service, 'list_generations', { ...args, p_offset: 1 });

  assert.deepEqual(ids(page), [first]);
  assert.notEqual(second, first);
});

test('times come with microseconds, as cursors need them', async () => {
  const user = await db.createUser();
  const [id] = await addMany(1, user);
  await db.sql(
    `update public.generated_images set created_at = '2026-01-02 03:04:05.123456+00' where id = $1`,
    [id],
  );

  const [row] = await list(user);

  assert.equal(row?.created_at, '2026-01-02T03:04:05.123456+00:00');
});

test('several are read together, each for who asks, in the order in which they were asked for', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const [own, nobodys] = [await generations.addPending({ user_id: user }), await generations.addPending()];
  const asks = [
    { id: nobodys, user_id: null, admin: false },
    { id: own, user_id: other, admin: false },
    { id: own, user_id: user, admin: false },
    { id: own, user_id: null, admin: true },
    { id: randomUUID(), user_id: null, admin: true },
    { id: own, user_id: null, admin: false },
  ];

  const [found] = await callFunction<(Row | null)[]>(db.service, 'get_generations', {
    p_asks: JSON.stringify(asks),
  });
  const [none] = await callFunction<(Row | null)[]>(db.service, 'get_generations', { p_asks: '[]' });

  assert.deepEqual(
    found?.map((row) => row?.id ?? null),
    [nobodys, null, own, own, null, null],
  );
  assert.deepEqual(found?.[2], await get(own, user));
  assert.deepEqual(none, []);
});
