import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createDatasets, type DatasetRow } from '../support/sql-datasets.ts';
import { explainAll } from '../support/sql-plans.ts';

const db = await openSqlDatabase();
const datasets = createDatasets(db);
beforeEach(() => db.sql('delete from public.datasets; delete from public.storage_cleanup'));
after(() => db.close());

const FIELDS = { name: 'Autumn', brand: 'Coffee Co.', vibe: 'cozy', unique_visual_elements: ['steam'] };
const ids = (rows: DatasetRow[]) => rows.map((row) => row.id);

test('a dataset is what it was made of, without images and logo at first', async () => {
  const user = randomUUID();

  const dataset = await datasets.create(user, FIELDS);

  const { created_at, updated_at } = dataset as DatasetRow;
  assert.deepEqual(dataset, {
    id: dataset?.id,
    ...FIELDS,
    owner_id: user,
    logo_path: null,
    images: [],
    created_at,
    updated_at,
  });
});

test('a dataset may be made of nothing', async () => {
  assert.partialDeepStrictEqual(
    await datasets.create(randomUUID(), { unique_visual_elements: null }),
    Object.fromEntries(Object.keys(FIELDS).map((field) => [field, null])),
  );
});

test('a create that is repeated answers the same dataset, and nobody gets one of another under its id', async () => {
  const [user, id] = [randomUUID(), randomUUID()];
  const first = await datasets.create(user, FIELDS, { id });

  const again = await datasets.create(user, { name: 'Other' }, { id });
  const stolen = await datasets.create(randomUUID(), {}, { id });

  assert.deepEqual([again, stolen], [first, undefined]);
});

test('only an admin makes a dataset without owner', async () => {
  assert.equal(await datasets.create(null, FIELDS), undefined);
  assert.equal((await datasets.create(null, FIELDS, { admin: true }))?.owner_id, null);
});

test('a dataset is read by its owner and an admin, one without owner by all', async () => {
  const [owner, other] = [randomUUID(), randomUUID()];
  const [owned, shared] = [await datasets.add(owner), await datasets.add(null)];
  const reads = async (user: string | null, admin = false) => [
    (await datasets.get(owned.id, user, admin)) !== undefined,
    (await datasets.get(shared.id, user, admin)) !== undefined,
  ];

  assert.deepEqual(
    [await reads(owner), await reads(other), await reads(null), await reads(null, true)],
    [
      [true, true],
      [false, true],
      [false, true],
      [true, true],
    ],
  );
});

test('the context of a dataset is given to those who may read it', async () => {
  const owned = await datasets.add(randomUUID());
  const ask = async (args: object) =>
    (await callFunction(db.service, 'get_dataset_context', { p_dataset_id: owned.id, ...args })).length;

  assert.deepEqual(
    [
      await ask({ p_user_id: owned.owner_id }),
      await ask({ p_user_id: randomUUID() }),
      await ask({ p_user_id: null }),
      await ask({ p_user_id: null, p_admin: true }),
    ],
    [1, 0, 0, 1],
  );
});

test('a list holds the own and the ownerless ones, newest first; an admin sees all', async () => {
  const [user, other] = [randomUUID(), randomUUID()];
  const mine = await datasets.add(user);
  const foreign = await datasets.add(other);
  const shared = await datasets.add(null);

  assert.deepEqual(ids(await datasets.list(user)), [shared.id, mine.id]);
  assert.deepEqual(ids(await datasets.list(null)), [shared.id]);
  assert.deepEqual(ids(await datasets.list(null, { p_admin: true })), [shared.id, foreign.id, mine.id]);
});

for (const size of [1, 3, 100]) {
  test(`pages of ${size} walk all datasets exactly once though some were made in one moment`, async () => {
    const user = randomUUID();
    for (let n = 0; n < 7; n += 1) await datasets.add(n % 3 === 0 ? null : user);
    await db.sql(`update public.datasets set created_at = date_trunc('year', now())`);
    const walked: string[] = [];
    let cursor = {};

    for (;;) {
      const page = await datasets.list(user, { p_limit: size, ...cursor });
      walked.push(...ids(page));
      const last = page.at(-1);
      if (!last) break;
      cursor = { p_before_created_at: last.created_at, p_before_id: last.id };
    }

    assert.deepEqual(walked, ids(await datasets.list(user)));
    assert.equal(new Set(walked).size, 7);
  });
}

test('a page of an owner with few datasets among 20,000 reads few', async () => {
  const owner = randomUUID();
  await db.sql(
    `insert into public.datasets (owner_id, created_at)
     select case when n % 1000 = 0 then $1::uuid when n % 7 = 0 then null else gen_random_uuid() end,
       now() - n * interval '1 minute' from generate_series(1, 20000) n`,
    [owner],
  );
  await db.sql('analyze public.datasets');
  const client = await db.connect({ asOwner: true });
  await client.query('set random_page_cost = 40');

  const explained = await explainAll(client, () =>
    callFunction(client, 'list_datasets', { p_user_id: owner, p_limit: 50 }),
  );

  client.release(true);
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsRead('datasets') <= 100, `${explained.rowsRead('datasets')} were read`);
});

test('a change touches only what it names, and null empties', async () => {
  const user = randomUUID();
  const dataset = await datasets.add(user, FIELDS);
  await db.sql(`update public.datasets set updated_at = now() - interval '1 hour'`);

  const vibe = await datasets.update(dataset.id, user, { vibe: 'loud', owner_id: randomUUID() });
  const emptied = await datasets.update(dataset.id, user, { brand: null, unique_visual_elements: null });

  assert.partialDeepStrictEqual(vibe, { ...FIELDS, vibe: 'loud', owner_id: user });
  assert.ok(Date.parse(vibe?.updated_at ?? '') >= Date.parse(dataset.updated_at));
  assert.partialDeepStrictEqual(emptied, {
    ...FIELDS,
    vibe: 'loud',
    brand: null,
    unique_visual_elements: null,
  });
});

test("nobody changes or deletes another's dataset, and only an admin one without owner", async () => {
  const [owner, other] = [randomUUID(), randomUUID()];
  const [owned, shared] = [await datasets.add(owner), await datasets.add(null)];
  const refused = [
    await datasets.update(owned.id, other, { name: 'x' }),
    await datasets.update(owned.id, null, { name: 'x' }),
    await datasets.update(shared.id, owner, { name: 'x' }),
    await datasets.update(shared.id, null, { name: 'x' }),
    await datasets.remove(owned.id, other),
    await datasets.remove(shared.id, owner),
    await datasets.remove(shared.id, null),
    await datasets.addImage(shared.id, owner),
    await datasets.removeImage(shared.id, owner, randomUUID()),
    await datasets.setLogo(shared.id, owner, 'a.png'),
  ];

  assert.deepEqual(refused, Array(10).fill(undefined));
  assert.equal((await datasets.update(shared.id, null, { name: 'x' }, true))?.name, 'x');
  assert.equal((await datasets.update(owned.id, null, { name: 'y' }, true))?.name, 'y');
});
