import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { type Explained, explainAll } from '../support/sql-plans.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const USERS = 500;
const DAYS = 60;
const SPAN = 30;
const OUTCOMES = 2;
const EVERYBODY = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const nth = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

// Counters of 500 users on 60 days, those of everybody, and a thousand images that are not folded yet.
before(async () => {
  await db.sql(
    `insert into public.usage_daily
     select scope, date '2026-01-01' + d, null, null, '1:1', 'standard', 'model-a', outcome, 5, 0, 5, 100, 100, 200, 0.2, 0.2, 0.2,
       0, '{"50": 3, "51": 2}', '{"55": 3, "57": 2}'
     from generate_series(0, $1 - 1) d, unnest(array['accepted', 'succeeded']) outcome, (
       select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid as scope from generate_series(1, $2) n
       union all select $3::uuid
     ) s`,
    [DAYS, USERS, EVERYBODY],
  );
  await generations.submit(Array.from({ length: 1_000 }, () => newItem()));
  await db.sql('vacuum analyze public.usage_daily, public.usage_deltas, public.generated_images');
});

const client = await db.connect({ asOwner: true });
const explain = (args: Record<string, unknown>): Promise<Explained> =>
  explainAll(client, () =>
    callFunction(client, 'read_usage', {
      ...{ p_user_id: null, p_from: '2026-01-11', p_to: '2026-02-09', p_group_by: ['day'], ...args },
    }),
  );

test("a user's usage reads their own counters of the days, and no image", async () => {
  const { rowsRead, sequentialScans } = await explain({ p_user_id: nth(17) });

  // Twice: the total, and the groups; each for the figures and for the times.
  assert.ok(rowsRead('usage_daily') <= 4 * SPAN * OUTCOMES, String(rowsRead('usage_daily')));
  assert.equal(rowsRead('generated_images'), 0);
  assert.deepEqual(
    sequentialScans.filter((table) => table === 'usage_daily'),
    [],
  );
});

for (const by of ['day', 'style', 'model', 'status']) {
  test(`usage of everybody by ${by} reads no counter of a single user`, async () => {
    const { rowsRead } = await explain({ p_admin: true, p_group_by: [by] });

    assert.ok(rowsRead('usage_daily') <= 4 * SPAN * OUTCOMES, String(rowsRead('usage_daily')));
    assert.equal(rowsRead('generated_images'), 0);
  });
}

test('usage by user reads the counters of these days, and no image', async () => {
  const { rowsRead } = await explain({ p_admin: true, p_group_by: ['user'], p_from: '2026-02-09' });

  assert.ok(rowsRead('usage_daily') <= 4 * (USERS + 1) * OUTCOMES, String(rowsRead('usage_daily')));
  assert.equal(rowsRead('generated_images'), 0);
});
