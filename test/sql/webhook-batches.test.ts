import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { createBatches } from '../support/sql-batches.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
import type { Delivery } from '../support/sql-webhooks.ts';

const db = await openSqlDatabase();
const batches = createBatches(db);
after(() => db.close());

const URL = 'https://hooks.example.com/batches';
const ITEMS = 'https://hooks.example.com/items';

const toldOf = async (batchId: string) =>
  (
    await db.sql<Delivery>(
      'select * from public.webhook_deliveries where batch_id = $1 order by image_id nulls last, id',
      [batchId],
    )
  ).map((one) => ({ ...one, told: JSON.parse(one.body) }));
const endAll = (id: string, status = 'succeeded') =>
  db.sql(
    `update public.generated_images set status = $2, completed_at = now(), image_url = 'https://example.com/a.png'
     where batch_id = $1`,
    [id, status],
  );

test('a batch tells its end once, after the last of its images, with counts', async () => {
  const user = await db.createUser();
  const { id } = await batches.make(3, { user_id: user, webhook_url: URL, metadata: { menu: 'lunch' } });
  await batches.advance();
  assert.deepEqual(await toldOf(id), []);
  await endAll(id);

  await batches.advance();
  await batches.advance();

  const [one, ...others] = await toldOf(id);
  assert.deepEqual(others, []);
  assert.deepEqual([one?.url, one?.user_id, one?.image_id], [URL, user, null]);
  assert.equal(one?.told.type, 'batch.completed');
  assert.deepEqual(one.told.data, {
    id,
    status: 'completed',
    batch_id: id,
    custom_id: null,
    metadata: { menu: 'lunch' },
    image_url: null,
    error: null,
    counts: { total: 3, pending: 0, processing: 0, succeeded: 3, failed: 0, canceled: 0, expired: 0 },
  });
});

test('a canceled batch tells that, when nothing of it is under way any more', async () => {
  const { id } = await batches.make(2, { user_id: await db.createUser(), webhook_url: URL });
  await batches.cancel(id);
  await batches.cancelImages(id);

  await batches.advance();

  const told = await toldOf(id);
  assert.deepEqual(
    told.map((one) => [one.told.type, one.told.data.status, one.told.data.counts.canceled]),
    [['batch.canceled', 'canceled', 2]],
  );
});

test('its images tell their own ends where they say, with its id and their names', async () => {
  const { id } = await batches.make(1, {
    user_id: await db.createUser(),
    item: { webhook_url: ITEMS, user_id: await db.createUser(), custom_id: 'row-1' },
  });
  await endAll(id);
  await batches.advance();

  const told = await toldOf(id);
  assert.deepEqual(
    told.map((one) => [one.url, one.told.type, one.told.data.batch_id, one.told.data.custom_id]),
    [[ITEMS, 'image.succeeded', id, 'row-1']],
  );
});

test('a batch of nobody, or without an address, tells nothing', async () => {
  const nobodys = await batches.make(1, { webhook_url: URL });
  const silent = await batches.make(1, { user_id: await db.createUser() });
  for (const { id } of [nobodys, silent]) await endAll(id);

  await batches.advance();

  for (const { id } of [nobodys, silent]) assert.deepEqual(await toldOf(id), []);
});

test('a batch that makes those of another one again tells where that one did', async () => {
  const user = await db.createUser();
  const { id } = await batches.make(1, { user_id: user, webhook_url: URL });

  const again = await batches.open({ user_id: user, parent_id: id });
  const otherwise = await batches.open({ user_id: user, parent_id: id, webhook_url: ITEMS });

  const rows = await db.sql<{ webhook_url: string }>(
    'select webhook_url from public.batches where id = any ($1) order by id',
    [[again, otherwise]],
  );
  assert.deepEqual(
    rows.map((row) => row.webhook_url),
    [URL, ITEMS],
  );
});
