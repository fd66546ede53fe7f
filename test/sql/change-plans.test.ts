import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { fillHistory } from '../support/sql-history.ts';
import { type Explained, explainAll } from '../support/sql-plans.ts';

const db = await openSqlDatabase();
after(() => db.close());

let big: string;
let filledAt: string;
let changed: string[];
// A hundred thousands of rows, of which a few have changed since; and as many under way as one caller may have.
before(
  async () => {
    ({ big } = await fillHistory(db));
    await db.sql(
      `insert into public.generated_images (user_id, lane_key, prompt, full_prompt, model, quality, resolution, status,
         completed_at, deadline_at, reference_images)
       select $1::uuid, 'user:' || $1::uuid::text, 'p', 'p', 'm', 'standard', '1K', 'pending', null, now() + interval '1 day', '[]'
       from generate_series(1, 20000)`,
      [big],
    );
    await db.sql(
      `insert into public.batches (id, user_id, lane_key, total, sealed_at, ended_at, counts)
       select gen_random_uuid(), $1::uuid, 'user:' || $1::uuid::text, 1, now(), case when n > 30 then now() end,
         case when n > 30 then '{}'::jsonb end
       from generate_series(1, 20000) n`,
      [big],
    );
    await db.sql('analyze public.generated_images, public.batches');
    const [row] = await db.sql<{ at: string }>('select now()::text as at');
    filledAt = String(row?.at);
    const rows = await db.sql<{ id: string }>(
      `update public.generated_images set cancel_requested_at = now() where id in (
         select id from public.generated_images where user_id = $1 and status = 'succeeded' limit 20
       ) returning id`,
      [big],
    );
    changed = rows.map(({ id }) => id);
  },
  { timeout: 180_000 },
);

// Statistics are of a sample: what the planner expects differs by chance, so its plan has to be the same with any of these.
const RANDOM_PAGE_COSTS = [1.1, 4, 40];

async function explain(
  name: string,
  args: Record<string, unknown>,
  { randomPageCost = 4 } = {},
): Promise<Explained & { read: number; answer: unknown }> {
  const client = await db.connect({ asOwner: true });
  let answer: unknown;
  try {
    await client.query(`set random_page_cost = ${randomPageCost}`);
    const explained = await explainAll(client, async () => {
      [answer] = await callFunction(client, name, args);
    });
    return { ...explained, read: explained.rowsRead('generated_images'), answer };
  } finally {
    await client.query('reset random_page_cost');
    client.release();
  }
}

test('what has changed of two thousand audiences is found without looking at what has not', async () => {
  const others = Array.from({ length: 2_000 }, (_, n) => `anonymous:${n}`);
  const looks = [`user:${big}`, ...others].map((audience) => ({ audience, since: filledAt, id: null }));

  const { answer, read, sequentialScans } = await explain('list_changes', {
    p_audiences: JSON.stringify(looks),
  });

  const { changes } = answer as { changes: { id: string }[] };
  assert.deepEqual(changes.map(({ id }) => id).sort(), changed.sort());
  assert.deepEqual(sequentialScans, []);
  assert.ok(read <= 20, `${read} rows were read`);
});

for (const randomPageCost of RANDOM_PAGE_COSTS) {
  test(`of a caller with more than a thousand changes a thousand are looked at (a random page costs ${randomPageCost})`, async () => {
    const looks = [{ audience: `user:${big}`, since: '2000-01-01', id: null }];

    const { answer, read } = await explain(
      'list_changes',
      { p_audiences: JSON.stringify(looks) },
      { randomPageCost },
    );

    const { changes, more } = answer as { changes: unknown[]; more: unknown[] };
    assert.deepEqual([changes.length, more.length], [1_000, 1]);
    assert.ok(read <= 1_100, `${read} rows were read`);
  });
}

for (const randomPageCost of RANDOM_PAGE_COSTS) {
  test(`what a stream begins with is found by what is under way (a random page costs ${randomPageCost})`, async () => {
    const asked = { p_audience: `user:${big}`, p_batch_id: null, p_limit: 500 };

    const { answer, sequentialScans, rowsSorted, rowsRead } = await explain('get_event_snapshot', asked, {
      randomPageCost,
    });

    const { images, batches } = answer as { images: unknown[]; batches: unknown[] };
    assert.deepEqual([images.length, batches.length], [500, 20]);
    assert.deepEqual(sequentialScans, []);
    assert.ok(rowsRead('batches') <= 20 + 2);
    assert.ok(rowsSorted <= 3 * 500, `${rowsSorted} rows were sorted`);
  });
}

test('images that have changed are read by their ids', async () => {
  const asked = { p_image_ids: changed, p_batch_ids: [] };

  const { answer, read, sequentialScans } = await explain('get_changes', asked);

  assert.equal((answer as { images: unknown[] }).images.length, 20);
  assert.deepEqual(sequentialScans, []);
  assert.ok(read <= 20, `${read} rows were read`);
});
