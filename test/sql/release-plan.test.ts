import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { type Explained, explainAll } from '../support/sql-plans.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

/** Lanes are few and small, and a plan may read them whole; images are neither. */
function assertReadsAtMost(explained: Explained, images: number): void {
  const read = explained.rowsRead('generated_images');
  assert.ok(read <= images, `${read} images were read`);
  assert.ok(!explained.sequentialScans.includes('generated_images'));
}

/** So many waiting rows of so many lanes and two models, as submit_generations leaves them. */
async function seedWaiting(database: typeof db, rows: number, lanes: number): Promise<void> {
  // Triggers would take most of the time.
  await database.sql(`
    set session_replication_role = replica;
    insert into public.generated_images (
      id, prompt, full_prompt, status, completed_at, deadline_at, lane_key, model, root_id
    )
    select lpad(to_hex(n), 32, '0')::uuid, 'a', 'a', 'pending', null, now() + interval '1 hour', 'lane-' || n % ${lanes},
      case when n % ${lanes * 2} < ${lanes} then 'model-a' else 'model-b' end, lpad(to_hex(n), 32, '0')::uuid
    from generate_series(1, ${rows}) n;
    reset session_replication_role`);
  await database.sql(`
    insert into public.lanes (lane_key, model, waiting)
    select lane_key, model, count(*) from public.generated_images group by 1, 2`);
}

const cancelReleased = (database = db) =>
  database.sql(
    `update public.generated_images set status = 'canceled', completed_at = now() where released_at is not null`,
  );

before(async () => {
  await seedWaiting(db, 50_000, 2_000);
  await db.sql('analyze');
  await generations.addWorker({ concurrency: 32 });
});

test('a release from 50,000 waiting rows of 2,000 lanes reads a small part of them', async () => {
  const client = await db.connect({ asOwner: true });
  let released = 0;

  const explained = await explainAll(client, async () => {
    released = (await generations.release(client)).jobs.length;
  });

  client.release();
  assert.equal(released, 36);
  // Each row is found, locked and changed; of no lane more are read than can go out.
  assertReadsAtMost(explained, 36 * 4 + 100);
  // Of each model twice as many as there is room for: each is found, locked, and looked at with its twin of the other model.
  assert.ok(
    explained.rowsRead('lanes') <= 2 * 72 * 4 + 100,
    `${explained.rowsRead('lanes')} lanes were read`,
  );
});

test('a release plans nothing that the connection has planned before', async () => {
  const client = await db.connect({ asOwner: true });
  let planned = 0;
  const count = ({ message }: { message?: string | undefined }) => {
    if (message === 'PLANNER STATISTICS') planned += 1;
  };
  // PostgreSQL compares plans for one call with those for any from the sixth call on.
  for (let call = 0; call < 7; call += 1) {
    await cancelReleased();
    await generations.release(client);
  }
  await cancelReleased();
  client.on('notice', count);
  await client.query('set client_min_messages = log; set log_planner_stats = on');
  planned = 0;

  const { jobs } = await generations.release(client);

  await client.query('reset log_planner_stats; reset client_min_messages');
  client.off('notice', count);
  client.release();
  assert.equal(jobs.length, 36);
  // That of the call itself, which is another statement.
  assert.equal(planned, 1);
});

test('a release that was planned when there was nothing yet reads no more', async (t) => {
  const fresh = await openSqlDatabase();
  t.after(() => fresh.close());
  const others = createGenerations(fresh);
  await others.addWorker({ concurrency: 32 });
  const client = await fresh.connect({ asOwner: true });
  const statement = 'select public.release_generations() as answer';
  for (let call = 0; call < 7; call += 1) await client.query(statement);
  await seedWaiting(fresh, 20_000, 2_000);

  const first = await explainAll(client, () => client.query(statement));
  // Then all that may go out is of lanes with rows out, among many others that wait.
  await fresh.sql(
    `insert into public.pauses (scope, until) values ('model:model-b', now() + interval '1 hour')`,
  );
  await fresh.sql(`update public.lanes set waiting = 0 where model = 'model-a' and lane_key not in
    (select lane_key from public.generated_images where released_at is not null)`);
  await fresh.sql(`update public.generated_images set status = 'canceled', completed_at = now()
    where id = (select id from public.generated_images where released_at is not null order by id desc limit 1)`);
  const second = await explainAll(client, () => client.query(statement));

  client.release();
  for (const explained of [first, second]) {
    assertReadsAtMost(explained, 1_000);
    assert.ok(explained.rowsRead('lanes') <= 1_000, `${explained.rowsRead('lanes')} lanes were read`);
  }
});

test('a release for one free slot reads next to nothing', async () => {
  await generations.release();
  await db.sql(`update public.generated_images set status = 'canceled', completed_at = now()
    where id = (select id from public.generated_images where released_at is not null order by id limit 1)`);
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () => generations.release(client));

  client.release();
  assertReadsAtMost(explained, 150);
});

test('a release with no room left does not look for rows at all', async () => {
  await generations.release();
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () => generations.release(client));

  client.release();
  assertReadsAtMost(explained, 36);
  assert.equal(explained.rowsRead('lanes'), 0);
});

test('a paused model with 25,000 waiting rows costs the release of the other nothing', async () => {
  await cancelReleased();
  await db.sql(
    `insert into public.pauses (scope, until) values ('model:model-a', now() + interval '1 hour')`,
  );
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () => generations.release(client));

  client.release();
  assertReadsAtMost(explained, 2_000);
});

test('under limits a release reads no more', async () => {
  await cancelReleased();
  await db.sql('update public.settings set max_concurrency = 30, max_starts_per_minute = 60000');
  const client = await db.connect({ asOwner: true });
  let released = 0;

  const explained = await explainAll(client, async () => {
    released = (await generations.release(client)).jobs.length;
  });

  await db.sql('update public.settings set max_concurrency = null, max_starts_per_minute = null');
  client.release();
  assert.equal(released, 30);
  assertReadsAtMost(explained, 2_000);
});

test('a release that the rate holds back does not look for rows at all', async () => {
  await db.sql('update public.settings set max_starts_per_minute = 1');
  await db.sql('update public.release_rate set starts_left = 0, counted_at = now()');
  await cancelReleased();
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () => generations.release(client));

  await db.sql('update public.settings set max_starts_per_minute = null');
  client.release();
  assertReadsAtMost(explained, 0);
  assert.equal(explained.rowsRead('lanes'), 0);
});

test('a purge of one lane, and of what is old, reads little more than it cancels', async () => {
  const client = await db.connect({ asOwner: true });
  const purge = (p_lane_key: string | null, p_created_before: string | null) =>
    callFunction(client, 'purge_generations', { p_lane_key, p_model: null, p_created_before, p_limit: 100 });

  // The ids of these rows are of the first moment of 1970.
  const ofLane = await explainAll(client, () => purge('lane-7', null));
  const ofNothing = await explainAll(client, () => purge(null, '1900-01-01T00:00:00Z'));

  client.release();
  // Found, locked and changed.
  assertReadsAtMost(ofLane, 25 * 4 + 100);
  assertReadsAtMost(ofNothing, 100);
});

test('a retry finds the failed among the others', async () => {
  await db.sql(`set session_replication_role = replica;
    update public.generated_images set status = 'failed', error_code = 'internal', completed_at = now()
    where lane_key = 'lane-8';
    reset session_replication_role`);
  const client = await db.connect({ asOwner: true });
  let made: { images: number } | undefined;

  const explained = await explainAll(client, async () => {
    [made] = await callFunction<{ images: number }>(client, 'retry_failed_generations', {
      p_since: new Date(0),
      p_until: null,
      p_codes: ['internal'],
      p_model: null,
      p_user_id: null,
      p_limit: 100,
    });
  });

  client.release();
  assert.equal(made?.images, 25);
  assertReadsAtMost(explained, 25 * 6);
});

test('expiring from 50,000 rows that are not due reads none of them', async () => {
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () => generations.expire(client));

  client.release();
  assertReadsAtMost(explained, 0);
});
