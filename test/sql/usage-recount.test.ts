import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before } from 'node:test';
import { createRandom } from '../support/random.ts';
import { createBatches } from '../support/sql-batches.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { findMiscountedPrompts, findMiscounts, keepGoneImages } from '../support/sql-recount.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const batches = createBatches(db);
before(() => keepGoneImages(db.sql));
after(() => db.close());

const SEED = Number(process.env.USAGE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const STEPS = 250;
/** Three prompts, in four ways. */
const PROMPTS = ['A  Cat', ' a\n cat ', 'dog', 'fox'];
const STYLES = [null, 'oil', 'anime'];
/** Prices that binary fractions add up exactly. */
const PRICES = [0.25, 0.5, null];

const call = (name: string, args: Record<string, unknown>) => callFunction(db.service, name, args);
const foldPrompts = async () => {
  while (Number((await call('fold_prompts', {}))[0]) > 0);
};
const fold = (limit: number) => call('fold_usage', { p_limit: limit });

test(`after every step of a random history the counters say what the rows say (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const users: (string | null)[] = [null, await db.createUser(), await db.createUser()];
  const datasets: (string | null)[] = [null, await db.createDataset(), await db.createDataset()];
  const worker = await generations.addWorker({ concurrency: 100, unbroken: true });
  const open: string[] = [];

  const drawItem = () => {
    const user = random.pick(users);
    return newItem({
      user_id: user,
      lane_key: user ?? 'anonymous',
      dataset_id: random.pick(datasets),
      style: random.pick(STYLES),
      prompt: random.pick(PROMPTS),
      model: random.pick(['model-a', 'model-b']),
      estimated_cost_usd: random.pick([0.25, 0.5]),
      ...(random.chance(0.2) && { parent_id: randomUUID() }),
    });
  };
  const drawItems = (most: number) => Array.from({ length: 1 + random.below(most) }, drawItem);
  const anyImage = async (where: string) =>
    (
      await db.sql<{ id: string; user_id: string | null; claim_id: string }>(
        `select id, user_id, claim_id from public.generated_images where ${where} order by md5(id::text || $1) limit 1`,
        [String(random.below(1_000))],
      )
    )[0];
  const usage = () => ({ input_tokens: random.below(9), output_tokens: 5, total_tokens: random.below(20) });
  const replace = async (from: (string | null)[], table: string, create: () => Promise<string>) => {
    const index = 1 + random.below(from.length - 1);
    const [gone] = from.splice(index, 1, await create());
    await db.sql(`delete from ${table} where id = $1`, [gone]);
  };

  const steps: Record<string, () => Promise<unknown>> = {
    async submit() {
      const items = drawItems(4);
      await generations.submit(items);
      // A submit whose answer was lost comes again.
      if (random.chance(0.3)) await generations.submit(items);
    },
    async claim() {
      const row = await anyImage(`status = 'pending' and (not_before is null or not_before <> 'infinity')`);
      if (!row) return;
      await generations.markReleased(row.id);
      await generations.claim(row.id, worker, randomUUID());
    },
    async complete() {
      const row = await anyImage(`status = 'processing'`);
      const image = { cost_usd: random.pick([0.25, 0.5]), billed: random.chance(0.8), usage: usage() };
      if (row) await generations.complete(row.id, row.claim_id, image);
    },
    async fail() {
      const row = await anyImage(`status = 'processing'`);
      const report = {
        p_billed: random.chance(0.5),
        p_cost_usd: random.pick(PRICES),
        p_usage: random.pick([null, JSON.stringify(usage())]),
      };
      if (row) await generations.fail(row.id, row.claim_id, report);
    },
    async giveBack() {
      const row = await anyImage(`status = 'processing'`);
      const report = {
        p_failure: random.chance(0.5),
        p_billed: random.chance(0.5),
        p_cost_usd: random.pick(PRICES),
      };
      if (row) await generations.giveBack(row.id, row.claim_id, report);
    },
    async cancel() {
      const row = await anyImage('true');
      if (row) await call('cancel_generation', { p_id: row.id, p_user_id: row.user_id });
    },
    async remove() {
      const row = await anyImage('true');
      if (row) await call('delete_generation', { p_id: row.id, p_user_id: row.user_id });
    },
    async expire() {
      await db.sql(`update public.generated_images set deadline_at = now() - interval '1 second' where id in (
        select id from public.generated_images where status in ('pending', 'processing') order by md5(id::text) limit 2)`);
      await generations.expire();
    },
    async prune() {
      // In thirty days that has happened.
      await foldPrompts();
      await db.sql(
        `update public.generated_images set deleted_at = now() - interval '31 days' where deleted_at is not null`,
      );
      await call('prune_queue_tables', {});
    },
    async openBatch() {
      const id = await batches.open({ user_id: users[1] });
      await batches.add(id, drawItems(6));
      open.push(id);
    },
    async sealBatch() {
      const id = open.pop();
      if (!id) return;
      const [count] = await db.sql<{ n: number }>(
        'select count(*)::int as n from public.generated_images where batch_id = $1',
        [id],
      );
      await batches.seal(id, Number(count?.n));
      if (random.chance(0.7)) await batches.admitAll(id);
    },
    async discardBatch() {
      const id = open.pop();
      if (id) await batches.discard(id);
    },
    async cancelBatch() {
      const [sealed] = await db.sql<{ id: string }>(
        'select id from public.batches where sealed_at is not null order by md5(id::text) limit 1',
      );
      if (!sealed) return;
      await batches.cancel(sealed.id);
      await batches.cancelImages(sealed.id);
    },
    deleteUser: () => replace(users, 'auth.users', db.createUser),
    deleteDataset: () => replace(datasets, 'public.datasets', db.createDataset),
    purge: () =>
      call('purge_generations', { p_lane_key: users[1], p_model: null, p_created_before: null, p_limit: 3 }),
    retry: () =>
      call('retry_failed_generations', {
        ...{ p_since: new Date(0), p_until: null, p_codes: null, p_model: null, p_user_id: null, p_limit: 3 },
      }),
    fold: () => fold(1 + random.below(20)),
  };
  // What makes images, and brings them on, comes more often than what ends them.
  const often = ['submit', 'submit', 'claim', 'claim', 'claim', 'complete', 'complete', 'fold'];
  const names = [...Object.keys(steps), ...often];

  for (let step = 0; step < STEPS; step += 1) {
    const name = random.pick(names);
    await steps[name]?.();
    if (step % 5 !== 0 && step < STEPS - 1) continue;
    await foldPrompts();
    const wrong = [...(await findMiscounts(db.sql)), ...(await findMiscountedPrompts(db.sql))];
    assert.deepEqual(wrong, [], `step ${step}: ${name}`);
  }
  const outcomes = await db.sql<{ outcome: string }>(
    `select distinct outcome from (select outcome from public.usage_daily union all select outcome from public.usage_deltas) o`,
  );
  // Otherwise a step has come to nothing.
  assert.equal(outcomes.length, 7, JSON.stringify(outcomes));
});
