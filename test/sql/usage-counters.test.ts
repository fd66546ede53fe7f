import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { migrate } from '../../src/migrate/migrate.ts';
import { createBatches } from '../support/sql-batches.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { MIGRATIONS, openBareDatabase } from '../support/sql-migrations.ts';
import { ORIGINAL_INSERT, ORIGINAL_TABLES } from '../support/sql-original-tables.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const batches = createBatches(db);
beforeEach(() => fold());
after(() => db.close());

async function fold(): Promise<void> {
  while (((await callFunction<number>(db.service, 'fold_usage'))[0] ?? 0) > 0);
}
const countOf = async (userId: string, outcome: string, column = 'images') =>
  Number(
    (
      await db.sql<{ n: string | null }>(
        `select sum(n) as n from (
           select ${column} as n from public.usage_daily where scope = $1 and outcome = $2
           union all
           select ${column} from public.usage_deltas d where user_id = $1 and outcome = $2 and (batch_id is null
             or exists (select from public.batches b where b.id = d.batch_id and b.sealed_at is not null))
         ) counted`,
        [userId, outcome],
      )
    )[0]?.n ?? 0,
  );

test('an image that expires before its batch is sealed counts with the batch, at one stroke', async () => {
  const user = await db.createUser();
  // Its lane is there: so an image of a batch can expire although that is not sealed.
  await generations.submit([newItem({ user_id: user, lane_key: user })]);
  const batch = await batches.open({ user_id: user, lane_key: user });
  const [first, second] = [
    newItem({ user_id: user, lane_key: user }),
    newItem({ user_id: user, lane_key: user }),
  ];
  await batches.add(batch, [first, second]);
  await generations.passDeadline(first.id);
  await generations.expire();
  await fold();
  assert.deepEqual([await countOf(user, 'accepted'), await countOf(user, 'expired')], [1, 0]);

  await batches.seal(batch, 2);

  assert.deepEqual([await countOf(user, 'accepted'), await countOf(user, 'expired')], [3, 1]);
  await fold();
  assert.deepEqual([await countOf(user, 'accepted'), await countOf(user, 'expired')], [3, 1]);
});

test('a batch that is discarded leaves nothing to be counted', async () => {
  const user = await db.createUser();
  const batch = await batches.open({ user_id: user, lane_key: user });
  await batches.add(batch, [newItem({ user_id: user, lane_key: user })]);
  await batches.discard(batch);

  await fold();

  assert.equal(await countOf(user, 'accepted'), 0);
  assert.deepEqual(await db.sql('select 1 from public.usage_deltas where batch_id = $1', [batch]), []);
});

test('what counters say and what is not folded yet is added up once, whoever folds meanwhile', async () => {
  const user = await db.createUser();
  await generations.submit([newItem({ user_id: user, lane_key: user })]);
  const folding = await db.connect();
  await folding.query('begin');
  await callFunction(folding, 'fold_usage');

  const other = await callFunction<number>(db.service, 'fold_usage');
  const during = await countOf(user, 'accepted');
  await folding.query('commit');
  folding.release();

  assert.deepEqual(other, [0]);
  assert.deepEqual([during, await countOf(user, 'accepted')], [1, 1]);
});

test('styles in own words make 500 counters a day, and the others count together with all that they come to', async () => {
  const user = await db.createUser();
  const styled = (style: string) => newItem({ user_id: user, lane_key: user, style });
  await generations.submit(Array.from({ length: 490 }, (_, n) => styled(`early ${n}`)));
  await fold();
  const late = Array.from({ length: 30 }, (_, n) => styled(`late ${n}`));
  await generations.submit(late);
  await fold();

  for (const { id } of late)
    await callFunction(db.service, 'cancel_generation', { p_id: id, p_user_id: user });
  await fold();

  const counted = await db.sql(
    `select outcome, count(*)::int as styles, (sum(images) filter (where style = '(other)'))::int as others
     from public.usage_daily where scope = $1 group by 1 order by 1`,
    [user],
  );
  assert.deepEqual(counted, [
    { outcome: 'accepted', styles: 501, others: 20 },
    { outcome: 'canceled', styles: 11, others: 20 },
  ]);
});

test('prompts are counted however many images come in one statement', async () => {
  const user = await db.createUser();
  await db.sql(
    `insert into public.generated_images (user_id, prompt, full_prompt, image_url)
     select $1, 'One of many', 'One of many', 'u' from generate_series(1, 2500)`,
    [user],
  );

  while (((await callFunction<number>(db.service, 'fold_prompts'))[0] ?? 0) > 0);

  const counted = await db.sql('select prompt, uses, images from public.prompt_counts where owner = $1', [
    user,
  ]);
  assert.deepEqual(counted, [{ prompt: 'one of many', uses: '2500', images: '2500' }]);
});

test('what a deleted user used stays counted, and so does what had not ended', async () => {
  const user = await db.createUser();
  const { id, claimId } = await generations.addProcessing({ user_id: user, lane_key: user });
  await generations.complete(id, claimId);
  await generations.addProcessing({ user_id: user, lane_key: user });

  await db.sql('delete from auth.users where id = $1', [user]);

  await fold();
  const counts = await Promise.all(
    ['accepted', 'succeeded', 'removed'].map((outcome) => countOf(user, outcome)),
  );
  assert.deepEqual(counts, [2, 1, 1]);
  assert.equal(await countOf(user, 'succeeded', 'cost_usd'), 0.04);
});

test('an upgrade counts the images that are there, once, and what the service before still inserts', async () => {
  await using database = await openBareDatabase();
  const { client } = database;
  await client.query(ORIGINAL_TABLES);
  const insert = (name: string) =>
    client.query(ORIGINAL_INSERT, [randomUUID(), null, name, null, '2024-05-06T07:08:09.123456+00:00']);
  await insert('one');
  await insert('two');

  await migrate({ databaseUrl: database.url, migrationsDir: MIGRATIONS });
  await insert('three');

  const { rows } = await client.query(
    `select day::text, outcome, sum(images)::int as images, sum(unpriced)::int as unpriced
     from public.usage_deltas group by 1, 2 order by 2`,
  );
  assert.deepEqual(rows, [
    { day: '2024-05-06', outcome: 'accepted', images: 3, unpriced: 0 },
    { day: '2024-05-06', outcome: 'succeeded', images: 3, unpriced: 3 },
  ]);
});
