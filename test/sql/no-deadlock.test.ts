import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { createRandom } from '../support/random.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const SEED = 20260814;
const ITERATIONS = 200;
const SCOPES = ['project', 'model:model-a', 'model:model-b'];
const FOREIGN_KEY_VIOLATION = '23503';

/** A backend tells its counts late, unless it is asked to. */
async function deadlocks(): Promise<number> {
  for (const pool of [db.owner, db.service]) {
    const clients = await Promise.all(Array.from({ length: pool.totalCount }, () => pool.connect()));
    for (const client of clients) {
      await client.query('select pg_catalog.pg_stat_force_next_flush()');
      client.release();
    }
  }
  const rows = await db.sql<{ deadlocks: string }>(
    'select deadlocks from pg_catalog.pg_stat_database where datname = current_database()',
  );
  return Number(rows[0]?.deadlocks);
}

test(`transitions of all kinds against deletions of users and datasets are no deadlock (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const users = await Promise.all(Array.from({ length: 8 }, () => db.createUser()));
  const datasets = await Promise.all(Array.from({ length: 8 }, () => db.createDataset()));
  const worker = await generations.addWorker({ concurrency: 200 });
  await generations.addWorker({ unbroken: true });
  const claims: { id: string; claimId: string }[] = [];
  const before = await deadlocks();

  const replace = async (from: string[], table: string, create: () => Promise<string>) => {
    const index = random.below(from.length);
    const [gone] = from.splice(index, 1, await create());
    await db.sql(`delete from ${table} where id = $1`, [gone]);
  };
  const actions: (() => Promise<unknown>)[] = [
    () => {
      const some = Array.from({ length: 1 + random.below(12) }, () => {
        const user = random.pick(users);
        const model = random.pick(['model-a', 'model-b']);
        return newItem({ user_id: user, lane_key: user, model, dataset_id: random.pick(datasets) });
      });
      // A user or a dataset that went meanwhile refuses the whole submit.
      return generations.submit(some).catch((error: { code?: string }) => {
        if (error.code !== FOREIGN_KEY_VIOLATION) throw error;
      });
    },
    async () => {
      for (const { id } of (await generations.release()).jobs) {
        const claimId = randomUUID();
        if (await generations.claim(id, worker, claimId)) claims.push({ id, claimId });
      }
    },
    async () => {
      const { jobs } = await generations.release();
      const asked = jobs.map(({ id }) => ({ id, claim_id: randomUUID() })).reverse();
      const { claimed } = await generations.claimTogether(worker, asked);
      claims.push(...claimed.map(({ id, claim_id }) => ({ id, claimId: String(claim_id) })));
    },
    () => {
      const some = claims.splice(0, 16).reverse();
      return generations.completeTogether(some.map(({ id, claimId }) => ({ id, claim_id: claimId })));
    },
    async () => {
      const { jobs } = await generations.release();
      const done = claims.splice(0, 16).map(({ id, claimId }) => ({ id, claim_id: claimId }));
      const asked = jobs.map(({ id }) => ({ id, claim_id: randomUUID() })).reverse();
      const both = await generations.completeAndClaim(worker, done.reverse(), asked);
      for (const { id, claim_id } of both.claimed.claimed) claims.push({ id, claimId: String(claim_id) });
    },
    async () => {
      for (const { id, claimId } of claims.splice(0, 8)) {
        const report = random.pick(['complete', 'fail', 'giveBack'] as const);
        await generations[report](id, claimId);
      }
    },
    () =>
      db.sql(`update public.generated_images set deadline_at = now() - interval '1 second'
        where id in (select id from public.generated_images where status in ('pending', 'processing')
          order by id limit 10 for update skip locked)`),
    () => generations.expire(),
    async () => {
      const some = await db.sql<{ id: string; user_id: string }>(
        'select id, user_id from public.generated_images where deleted_at is null order by random() limit 5',
      );
      for (const { id, user_id } of some)
        await callFunction(db.service, random.pick(['delete_generation', 'cancel_generation']), {
          p_id: id,
          p_user_id: user_id,
        });
    },
    async () => {
      const [gone] = datasets.splice(random.below(datasets.length), 1, await db.createDataset());
      for (let step = 0; step < 3; step++)
        await callFunction(db.service, 'delete_dataset', { p_id: gone, p_user_id: null, p_admin: true });
    },
    () =>
      generations.beat(
        worker,
        claims.map(({ id, claimId }) => ({ id, claim_id: claimId })),
        200,
      ),
    () => replace(users, 'auth.users', db.createUser),
    () => replace(datasets, 'public.datasets', db.createDataset),
    async () => {
      await db.sql(`update public.storage_cleanup set due_at = now() - interval '1 second'
        where folder in (select folder from public.storage_cleanup for update skip locked)`);
      const [due = []] = await callFunction<unknown[]>(db.service, 'claim_storage_cleanup');
      await callFunction(db.service, 'finish_storage_cleanup', { p_finished: JSON.stringify(due) });
    },
    () => callFunction(db.service, 'prune_queue_tables'),
    () => callFunction(db.service, 'fold_usage'),
    () => callFunction(db.service, 'fold_prompts'),
    () =>
      callFunction(db.service, 'retry_failed_generations', {
        p_since: new Date(0),
        p_until: null,
        p_codes: null,
        p_model: null,
        p_user_id: null,
        p_limit: 20,
        // A user or a dataset that went meanwhile refuses the whole call.
      }).catch((error: { code?: string }) => {
        if (error.code !== FOREIGN_KEY_VIOLATION) throw error;
      }),
    () =>
      callFunction(db.service, 'purge_generations', {
        p_lane_key: random.pick([null, ...users]),
        p_model: null,
        p_created_before: null,
        p_limit: 20,
      }),
    () =>
      callFunction(db.service, 'hold_calls', {
        p_scope: random.pick(SCOPES),
        p_seconds: 0,
        p_reason: 'test',
      }),
    () =>
      callFunction(db.service, 'resume_generations', {
        p_model: random.pick([null, 'model-a']),
        p_holds: true,
      }),
  ];

  let left = ITERATIONS;
  const run = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await random.pick(actions)();
    }
  };
  await Promise.all(Array.from({ length: 8 }, run));

  assert.equal(await deadlocks(), before);
});
