import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { type Explained, explainAll } from '../support/sql-plans.ts';
import type { Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
after(() => db.close());

const USER = randomUUID();
const FORMER_USER = randomUUID();
const DATASET = randomUUID();
const PAGE = 50;

// 50,000 images of 500 users, one in ten of them of no user. USER and FORMER_USER have 5,000 each, the latter's all
// made a year before everybody else's.
before(async () => {
  await db.sql('insert into public.datasets (id) values ($1)', [DATASET]);
  await db.sql(
    `insert into auth.users (id) select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid
    from generate_series(0, 499) n union all select unnest($1::uuid[])`,
    [[USER, FORMER_USER]],
  );
  const client = await db.connect({ asOwner: true });
  // Triggers and foreign keys would take most of the time.
  await client.query('set session_replication_role = replica');
  await client.query(
    `insert into public.generated_images (id, user_id, prompt, full_prompt, image_url, root_id, dataset_id, created_at)
     select lpad(to_hex(n), 32, '0')::uuid,
       case n % 10 when 0 then null when 1 then $1::uuid when 3 then $3::uuid
         else ('00000000-0000-4000-8000-' || lpad((n % 500)::text, 12, '0'))::uuid end,
       'a', 'a', 'u', gen_random_uuid(), case when n % 3 = 0 then $2::uuid end, 
       now() - n * interval '1 minute' - case when n % 10 = 3 then interval '1 year' else interval '0' end
     from generate_series(1, 50000) n`,
    [USER, DATASET, FORMER_USER],
  );
  await client.query('reset session_replication_role');
  client.release();
  await db.sql('analyze');
});

const list = (client: Parameters<typeof callFunction>[0], args: Record<string, unknown>) =>
  callFunction<Row[]>(client, 'list_generations', { p_limit: PAGE, ...args });

/** Where a cursor stands that has walked over this share of somebody's history. */
async function cursorAt(userId: string | null, share: number) {
  const [row] = await db.sql<{ id: string; created_at: string }>(
    `select id, created_at::text from public.generated_images where user_id is not distinct from $1
     order by created_at desc, id desc
     offset (select floor(count(*) * $2::float8) from public.generated_images where user_id is not distinct from $1) limit 1`,
    [userId, share],
  );
  return { p_before_created_at: row?.created_at, p_before_id: row?.id };
}

async function explainList(args: Record<string, unknown>): Promise<Explained & { found: number }> {
  const client = await db.connect({ asOwner: true });
  let found = 0;
  try {
    const explained = await explainAll(client, async () => {
      found = (await list(client, args))[0]?.length ?? 0;
    });
    return { ...explained, found };
  } finally {
    client.release();
  }
}

for (const [who, userId] of [
  ['a user with 5,000 images', USER],
  ['a user whose images are the oldest', FORMER_USER],
  ['a user with 100 images', '00000000-0000-4000-8000-000000000002'],
  ['anonymous callers, who have 5,000', null],
] as const) {
  for (const share of [0, 0.4]) {
    test(`a page ${share === 0 ? 'at the start' : 'deep in'} the history of ${who} reads no more than itself`, async () => {
      const cursor = share === 0 ? {} : await cursorAt(userId, share);

      const explained = await explainList({ p_user_id: userId, ...cursor });

      assert.equal(explained.found, PAGE);
      assert.deepEqual(explained.sequentialScans, []);
      assert.ok(
        explained.rowsRead('generated_images') <= 2 * PAGE,
        `${explained.rowsRead('generated_images')} rows were read`,
      );
    });
  }
}

test('history filtered by a dataset is read through an index', async () => {
  const explained = await explainList({ p_user_id: USER, p_dataset_id: DATASET });

  assert.equal(explained.found, PAGE);
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsRead('generated_images') < 10 * PAGE);
});

test('history filtered by a status that no image has reads the images of one user at most', async () => {
  const explained = await explainList({ p_user_id: USER, p_statuses: ['failed'] });

  assert.equal(explained.found, 0);
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsRead('generated_images') <= 5_000);
});

test('one image is read by its key', async () => {
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () =>
    callFunction(client, 'get_generation', { p_id: '00000000-0000-0000-0000-000000000001', p_user_id: USER }),
  );

  client.release();
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsRead('generated_images') <= 1);
});
