import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { type Item, newItem, type Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
before(() => db.sql('update public.settings set max_pending = 5'));
after(() => db.close());

type Answer = Row & { asked_id: string; outcome: string };
const submit = async (items: Item[]) => (await generations.submit(items)) as Answer[];
const outcomes = async (items: Item[]) => (await submit(items)).map((one) => one.outcome);
const make = (lane: string, count: number, fields = {}) =>
  Array.from({ length: count }, () => newItem({ lane_key: lane, ...fields }));
/** What the lanes count is what waits. */
async function assertWaiting(lane: string, count: number): Promise<void> {
  const [row] = await db.sql(
    `select (select sum(waiting)::integer from public.lanes where lane_key = $1) as counted,
       (select count(*)::integer from public.generated_images where lane_key = $1 and status = 'pending'
         and released_at is null and not_before is null) as waiting`,
    [lane],
  );
  assert.deepEqual(row, { counted: count, waiting: count });
}

test('what has no room in its lane is refused, the rest is made', async () => {
  const [lane, other] = [randomUUID(), randomUUID()];

  const answers = await outcomes([...make(lane, 7), ...make(other, 2)]);

  assert.deepEqual(answers, [...Array(5).fill('created'), 'queue_full', 'queue_full', 'created', 'created']);
  await assertWaiting(lane, 5);
  await assertWaiting(other, 2);
});

test('a refused item leaves no row and answers none', async () => {
  const lane = randomUUID();
  await submit(make(lane, 5));
  const [item] = make(lane, 1) as [Item];

  const answers = await submit([item]);

  assert.deepEqual(answers, [{ asked_id: item.id, outcome: 'queue_full', lane_place: null }]);
  assert.equal(await generations.row(item.id), undefined);
  await assertWaiting(lane, 5);
});

test('all models of a lane count together', async () => {
  const lane = randomUUID();
  await submit(make(lane, 4, { model: 'model-b' }));

  assert.deepEqual(await outcomes(make(lane, 2)), ['created', 'queue_full']);
  await assertWaiting(lane, 5);
});

test('a lane has room again when a row is out', async () => {
  const lane = randomUUID();
  const items = make(lane, 5);
  await submit(items);
  await generations.markReleased(String(items[0]?.id));

  assert.deepEqual(await outcomes(make(lane, 2)), ['created', 'queue_full']);
});

test('a repeated submit is answered in a full lane, by its ids and by its keys', async () => {
  const lane = randomUUID();
  const items = make(lane, 5, { idempotency_scope: lane, request_hash: 'h' });
  for (const [index, item] of items.entries()) item.idempotency_key = `key-${index}`;
  await submit(items);
  const twin = { ...items[0], ...newItem({ lane_key: lane }), idempotency_key: 'key-0' } as Item;

  assert.deepEqual(await outcomes(items), Array(5).fill('created'));
  assert.deepEqual(await outcomes([twin]), ['replayed']);
  await assertWaiting(lane, 5);
});

test('the key of a refused item is free again, also for its twins in the same call', async () => {
  const lane = randomUUID();
  const full = make(lane, 5);
  await submit(full);
  const key = { idempotency_scope: lane, idempotency_key: 'k', request_hash: 'h' };
  const [first, twin] = make(lane, 2, key);

  const refused = await outcomes([first, twin] as Item[]);
  await generations.markReleased(String(full[0]?.id));
  const later = await submit(make(lane, 1, key));

  assert.deepEqual(refused, ['queue_full', 'queue_full']);
  assert.partialDeepStrictEqual(later, [{ outcome: 'created', status: 'pending' }]);
});

test('an id that comes twice takes one place', async () => {
  const lane = randomUUID();
  const items = make(lane, 5);

  assert.deepEqual(await outcomes([...items, items[0] as Item]), Array(5).fill('created'));
  await assertWaiting(lane, 5);
});

test('ten submits at once do not exceed the limit', async () => {
  const lane = randomUUID();

  const answers = await Promise.all(Array.from({ length: 10 }, () => outcomes(make(lane, 2))));

  assert.equal(answers.flat().filter((outcome) => outcome === 'created').length, 5);
  await assertWaiting(lane, 5);
});

test('an image keeps the one that it was made from, and the first of that line', async () => {
  const [root, parent] = [randomUUID(), randomUUID()];

  const rows = await submit([
    newItem({ lane_key: randomUUID(), parent_id: parent, root_id: root }),
    newItem({ lane_key: randomUUID() }),
  ]);

  assert.partialDeepStrictEqual(rows, [
    { parent_id: parent, root_id: root },
    { parent_id: null, root_id: rows[1]?.id },
  ]);
});
