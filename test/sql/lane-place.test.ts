import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { explainAll } from '../support/sql-plans.ts';
import { newItem, type Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const place = async (id: string) =>
  (
    await callFunction<Row & { lane_place: number | null }>(db.service, 'get_generation', {
      p_id: id,
      p_user_id: null,
    })
  )[0]?.lane_place;

test('a waiting image tells its place in its lane, across models', async () => {
  const ids = [];
  for (const model of ['model-a', 'model-b', 'model-a'])
    ids.push(await generations.addPending({ lane_key: 'mine', model }));
  await generations.addPending({ lane_key: 'other' });

  assert.deepEqual(await Promise.all(ids.map(place)), [1, 2, 3]);
});

test('an image that does not wait has no place', async () => {
  const released = await generations.addPending({ released: true });
  const { id: processing } = await generations.addProcessing();

  assert.deepEqual([await place(released), await place(processing)], [null, null]);
});

test('an image with more than a thousand before it has no place', async () => {
  const items = Array.from({ length: 1001 }, () => newItem({ lane_key: 'long' }));
  await generations.submit(items);

  assert.deepEqual(
    await Promise.all([items[0], items[999], items[1000]].map((item) => place(String(item?.id)))),
    [1, 1000, null],
  );
});

test('the first place of a lane of 20,000 costs about as much as that of a lane of one', async () => {
  // Ids of ended images are lower than those of waiting ones, as they are in time.
  await db.sql(`
    insert into public.generated_images (id, prompt, full_prompt, image_url)
    select ('e' || lpad(to_hex(n), 31, '0'))::uuid, 'a', 'a', 'u' from generate_series(1, 20000) n;
    insert into public.generated_images (id, prompt, full_prompt, status, completed_at, deadline_at, lane_key, model)
    select ('f' || lpad(to_hex(n), 31, '0'))::uuid, 'a', 'a', 'pending', null, now() + interval '1 hour',
      case when n <= 20000 then 'longest' else 'shortest' end, 'model-a' from generate_series(1, 20001) n;
    insert into public.lanes (lane_key, model, waiting) values ('longest', 'model-a', 20000), ('shortest', 'model-a', 1)`);
  await db.sql('vacuum analyze public.generated_images');
  const client = await db.connect({ asOwner: true });
  const first = async (number: number) => {
    const id = `f${number.toString(16).padStart(31, '0')}`;
    const ask = () =>
      callFunction<{ lane_place: number }>(client, 'get_generation', { p_id: id, p_user_id: null });
    assert.equal((await ask())[0]?.lane_place, 1);
    return explainAll(client, ask);
  };

  const [short, long] = [await first(20_001), await first(1)];

  client.release();
  assert.ok(long.pages < 3 * short.pages, `${long.pages} pages were read against ${short.pages}`);
});
