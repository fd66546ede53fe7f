import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { fillHistory } from '../support/sql-history.ts';
import { explainAll } from '../support/sql-plans.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const LANES = 2_000;

// 200,000 images that have ended, and 50,000 that wait in 2,000 lanes, as submit_generations leaves them.
before(
  async () => {
    await fillHistory(db);
    // Triggers would take most of the time.
    await db.sql(`
      set session_replication_role = replica;
      insert into public.generated_images (
        id, prompt, full_prompt, status, completed_at, deadline_at, lane_key, model, root_id
      )
      select ('f' || lpad(to_hex(n), 31, '0'))::uuid, 'a', 'a', 'pending', null, now() + interval '1 hour',
        'lane-' || n % ${LANES}, 'model-a', ('f' || lpad(to_hex(n), 31, '0'))::uuid
      from generate_series(1, 50000) n;
      insert into public.storage_cleanup (bucket, folder, due_at)
      select 'logos', n::text, now() - interval '1 hour' from generate_series(1, 50000) n;
      reset session_replication_role`);
    await db.sql(`
      insert into public.lanes (lane_key, model, waiting)
      select lane_key, model, count(*) from public.generated_images where status = 'pending' group by 1, 2`);
    await db.sql('analyze');
    await generations.addWorker({ concurrency: 32 });
    await generations.release();
  },
  { timeout: 180_000 },
);

async function explainRead(name = 'get_queue_gauges', args = {}) {
  const client = await db.connect({ asOwner: true });
  try {
    return await explainAll(client, () => callFunction(client, name, args));
  } finally {
    client.release();
  }
}

test('the gauges of a queue with 50,000 waiting rows and a long history read few rows and no table of images', async () => {
  const explained = await explainRead();

  assert.ok(!explained.sequentialScans.includes('generated_images'));
  const images = explained.rowsRead('generated_images');
  // Those that are out, once, and the oldest.
  assert.ok(images <= 40, `${images} images were read`);
  assert.ok(explained.rowsRead('lanes') <= LANES);
  assert.ok(explained.rowsRead('storage_cleanup') <= 10_001);
});

test('asking again within five seconds reads the last reading and nothing else', async () => {
  await explainRead();

  const again = await explainRead();

  assert.deepEqual(
    ['generated_images', 'lanes', 'workers', 'storage_cleanup'].map(again.rowsRead),
    [0, 0, 0, 0],
  );
  assert.ok(again.pages <= 20, `${again.pages} pages`);
});

test('what callers are told of it reads no more: 50 images of each kind and those that are out', async () => {
  const [{ kinds } = { kinds: 0 }] = await db.sql<{ kinds: number }>(
    `select count(distinct (model, resolution))::integer as kinds from public.generated_images where status = 'succeeded'`,
  );

  const [snapshot, mine] = [
    await explainRead('get_queue_snapshot'),
    await explainRead('get_lane_load', { p_lane_key: 'lane-7' }),
  ];

  assert.ok(kinds > 0 && snapshot.rowsRead('generated_images') <= 52 * kinds + 2 * 40);
  assert.deepEqual(
    [...snapshot.sequentialScans, ...mine.sequentialScans].includes('generated_images'),
    false,
  );
  assert.ok(mine.rowsRead('generated_images') + mine.rowsRead('lanes') <= 5);
});
