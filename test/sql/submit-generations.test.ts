import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const FOREIGN_KEY_VIOLATION = '23503';

test('a submitted image keeps what was asked for and waits', async () => {
  const [userId, datasetId] = [await db.createUser(), await db.createDataset()];
  const item = newItem({
    lane_key: `user:${userId}`,
    user_id: userId,
    dataset_id: datasetId,
    style: 'photo',
    aspect_ratio: '16:9',
    format: 'png',
    reference_images: [{ bucket: 'reference-images', path: 'a.png' }],
    unique_visual_elements: ['steam'],
    metadata: { order: '7' },
  });

  const [row] = await generations.submit([item]);

  const { deadline_seconds: deadline, ...columns } = item;
  assert.partialDeepStrictEqual(row, {
    ...columns,
    reference_images_count: 1,
    status: 'pending',
    status_sequence: 1,
    attempt: 0,
    root_id: item.id,
    image_url: null,
    completed_at: null,
    released_at: null,
    not_before: null,
    warnings: [],
  });
  const { created_at, deadline_at } = row as unknown as Record<string, string>;
  assert.equal(Date.parse(deadline_at ?? '') - Date.parse(created_at ?? ''), Number(deadline) * 1000);
});

test('images come back in the order of their ids', async () => {
  const items = [newItem(), newItem(), newItem()];

  const rows = await generations.submit(items.toReversed());

  assert.deepEqual(
    rows.map((row) => row.id),
    items.map((item) => item.id),
  );
});

test('a submit that is repeated answers the same images and counts them once', async () => {
  const lane = randomUUID();
  const items = [newItem({ lane_key: lane }), newItem({ lane_key: lane })];
  const first = await generations.submit(items);

  const second = await generations.submit(items);

  assert.deepEqual(second, first);
  assert.equal(await generations.waiting(lane), 2);
});

test('a repeated submit leaves an image that has moved on as it is', async () => {
  const lane = randomUUID();
  const item = newItem({ lane_key: lane });
  await generations.submit([item]);
  await generations.markReleased(item.id);
  await generations.claim(item.id, randomUUID(), randomUUID());
  const before = await generations.row(item.id);

  const [answer] = await generations.submit([{ ...item, prompt: 'other' }]);

  assert.deepEqual(await generations.row(item.id), before);
  assert.equal(answer?.status, 'processing');
  assert.equal(await generations.waiting(lane), 0);
});

test('a submit of known and new images makes the new ones and counts only those', async () => {
  const [lane, other] = [randomUUID(), randomUUID()];
  const known = [newItem({ lane_key: lane }), newItem({ lane_key: other })];
  await generations.submit(known);

  const rows = await generations.submit([
    ...known,
    newItem({ lane_key: lane }),
    newItem({ lane_key: other, model: 'model-b' }),
  ]);

  assert.equal(rows.length, 4);
  assert.deepEqual(
    [
      await generations.waiting(lane),
      await generations.waiting(other),
      await generations.waiting(other, 'model-b'),
    ],
    [2, 1, 1],
  );
});

test('an id that one submit names twice is one image and counts once', async () => {
  const lane = randomUUID();
  const item = newItem({ lane_key: lane });

  const rows = await generations.submit([item, item]);

  assert.equal(rows.length, 1);
  assert.equal(await generations.waiting(lane), 1);
});

test('one submit repeated by ten callers at once makes each image once', async () => {
  const lane = randomUUID();
  const items = Array.from({ length: 20 }, () => newItem({ lane_key: lane }));

  const answers = await Promise.all(Array.from({ length: 10 }, () => generations.submit(items)));

  for (const answer of answers) assert.equal(answer.length, 20);
  assert.equal(await generations.waiting(lane), 20);
});

for (const [what, field] of [
  ['dataset', 'dataset_id'],
  ['user', 'user_id'],
]) {
  test(`an unknown ${what} refuses the whole submit and leaves no trace`, async () => {
    const lane = randomUUID();
    const good = newItem({ lane_key: lane });
    const bad = newItem({ lane_key: lane, [String(field)]: randomUUID() });

    const code = await errorCode(generations.submit([good, bad]));

    assert.equal(code, FOREIGN_KEY_VIOLATION);
    assert.equal(await generations.row(good.id), undefined);
    assert.equal(await generations.waiting(lane), undefined);
  });
}

for (const [what, fields, code] of [
  ['without a prompt', { prompt: null }, '23502'],
  ['without a model', { model: null }, '23502'],
  ['without a deadline', { deadline_seconds: null }, '23514'],
  ['with an id that is none', { id: 'x' }, '22P02'],
] as const) {
  test(`an item ${what} refuses the whole submit`, async () => {
    const lane = randomUUID();
    const good = newItem({ lane_key: lane });

    assert.equal(await errorCode(generations.submit([good, newItem({ lane_key: lane, ...fields })])), code);

    assert.equal(await generations.row(good.id), undefined);
  });
}

test('1,001 images come back whole', async () => {
  const lane = randomUUID();
  const items = Array.from({ length: 1001 }, () => newItem({ lane_key: lane }));

  const rows = await generations.submit(items);

  assert.equal(new Set(rows.map((row) => row.id)).size, 1001);
  assert.equal(await generations.waiting(lane), 1001);
});

test('submits whose lanes cross each other do not wait for each other for ever', async () => {
  const lanes = Array.from({ length: 6 }, () => randomUUID());
  const batch = (order: string[]) => order.map((lane) => newItem({ lane_key: lane }));

  await Promise.all(
    Array.from({ length: 24 }, (_, index) =>
      generations.submit(batch(index % 2 === 0 ? lanes : lanes.toReversed())),
    ),
  );

  assert.deepEqual(await Promise.all(lanes.map((lane) => generations.waiting(lane))), Array(6).fill(24));
});
