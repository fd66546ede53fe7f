import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { migrate } from '../../src/migrate/migrate.ts';
import { describeRows, MIGRATIONS, openBareDatabase } from '../support/sql-migrations.ts';
import { ORIGINAL_INSERT, ORIGINAL_TABLES } from '../support/sql-original-tables.ts';

const CREATED = '2024-05-06T07:08:09.123456+00:00';
type ImageRow = Record<string, unknown> & { id: string; prompt: string };

/** The service's database with three rows: a user's with a dataset, an anonymous one, and one without created_at. */
async function openOriginalDatabase() {
  const database = await openBareDatabase();
  const { client } = database;
  const userId = randomUUID();
  const datasetId = randomUUID();
  await client.query(ORIGINAL_TABLES);
  await client.query('insert into auth.users (id) values ($1)', [userId]);
  await client.query(`insert into public.datasets values ($1, 'Coffee Co', '{cozy,warm}')`, [datasetId]);
  await client.query(ORIGINAL_INSERT, [randomUUID(), userId, 'mine', datasetId, CREATED]);
  await client.query(ORIGINAL_INSERT, [randomUUID(), null, 'anonymous', null, CREATED]);
  await client.query(ORIGINAL_INSERT, [randomUUID(), null, 'undated', null, null]);
  const imagesNow = async () => (await describeRows(client)).generated_images as ImageRow[];
  return {
    ...database,
    userId,
    datasetId,
    imagesNow,
    before: await imagesNow(),
    migrate: () => migrate({ databaseUrl: database.url, migrationsDir: MIGRATIONS }),
  };
}

test('images of the service before become succeeded images and lose nothing', async () => {
  await using db = await openOriginalDatabase();

  await db.migrate();

  const after = new Map((await db.imagesNow()).map((row) => [row.id, row]));
  assert.equal(after.size, 3);
  for (const { created_at: createdAt, ...kept } of db.before) {
    const row = after.get(kept.id);
    assert.partialDeepStrictEqual(row, kept);
    if (createdAt !== null) assert.equal(row?.created_at, createdAt);
    assert.partialDeepStrictEqual(row, {
      status: 'succeeded',
      root_id: kept.id,
      completed_at: row?.created_at,
      status_sequence: 1,
      attempt: 0,
      error_code: null,
    });
    assert.notEqual(row?.created_at, null);
  }
});

test('datasets that were there keep their columns and rows', async () => {
  await using db = await openOriginalDatabase();

  await db.migrate();

  const { rows } = await db.client.query('select to_jsonb(d) as row from public.datasets d');
  assert.partialDeepStrictEqual(
    rows.map(({ row }) => row),
    [{ id: db.datasetId, title: 'Coffee Co', tags: ['cozy', 'warm'], owner_id: null, brand: null }],
  );
});

test('datasets can be made beside those that were there, whatever these demanded of a row', async () => {
  await using db = await openOriginalDatabase();
  await db.migrate();
  const owner = randomUUID();

  const { rows } = await db.client.query(
    `select public.create_dataset(gen_random_uuid(), $1, '{"name": "New"}') as made,
       jsonb_array_length(public.list_datasets($1)) as listed`,
    [owner],
  );

  assert.partialDeepStrictEqual(rows, [{ made: { name: 'New', owner_id: owner } }]);
  const { rows: old } = await db.client.query(`select public.get_dataset($1, null) as found`, [db.datasetId]);
  assert.partialDeepStrictEqual(old, [{ found: { id: db.datasetId, name: null, images: [] } }]);
});

test('an image may be without a URL after the upgrade as long as it has not succeeded', async () => {
  await using db = await openOriginalDatabase();
  await db.migrate();

  const { rows } = await db.client.query(
    `select is_nullable from information_schema.columns where table_name = 'generated_images' and column_name = 'image_url'`,
  );

  assert.deepEqual(rows, [{ is_nullable: 'YES' }]);
});

test('the service before can still insert its 14 columns while it is being replaced', async () => {
  await using db = await openOriginalDatabase();
  await db.migrate();
  const id = randomUUID();

  await db.client.query(ORIGINAL_INSERT, [id, db.userId, 'late', db.datasetId, CREATED]);

  const row = (await db.imagesNow()).find((image) => image.id === id);
  assert.partialDeepStrictEqual(row, {
    status: 'succeeded',
    image_url: 'https://old.test/late.png',
    created_at: CREATED,
    reference_images_count: 2,
  });
  assert.notEqual(row?.completed_at, null);
});

test('an image that the service before inserts after the upgrade is the root of its lineage too', async () => {
  await using db = await openOriginalDatabase();
  await db.migrate();
  const id = randomUUID();

  await db.client.query(ORIGINAL_INSERT, [id, null, 'late', null, CREATED]);

  const row = (await db.imagesNow()).find((image) => image.id === id);
  assert.equal(row?.root_id, id);
});

test('deleting a user or a dataset does to upgraded images what it did before', async () => {
  await using db = await openOriginalDatabase();
  await db.migrate();

  await db.client.query('delete from public.datasets');
  const unlinked = (await db.imagesNow()).map((row) => row.dataset_id);
  await db.client.query('delete from auth.users');

  assert.deepEqual(unlinked, [null, null, null]);
  assert.deepEqual((await db.imagesNow()).map((row) => row.prompt).sort(), ['anonymous', 'undated']);
});

test('an upgraded and a new database end with the same columns, checks, indexes and triggers', async () => {
  await using upgraded = await openOriginalDatabase();
  await using fresh = await openBareDatabase();

  await upgraded.migrate();
  await migrate({ databaseUrl: fresh.url, migrationsDir: MIGRATIONS });

  const shape = `
    select concat_ws(' ', column_name, data_type, is_nullable, column_default) as line
    from information_schema.columns where table_schema = 'public' and table_name = 'generated_images'
    union all select concat_ws(' ', conname, pg_get_constraintdef(oid)) from pg_constraint
    where conrelid = 'public.generated_images'::regclass
    union all select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'public.generated_images'::regclass
    union all select pg_get_triggerdef(oid) from pg_trigger
    where tgrelid = 'public.generated_images'::regclass and not tgisinternal
    order by 1`;
  assert.deepEqual((await upgraded.client.query(shape)).rows, (await fresh.client.query(shape)).rows);
});
