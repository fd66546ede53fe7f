import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  for (let n = 0; n < 3; n += 1) await stack.startWorker({ WORKER_CONCURRENCY: '4' });
});
after(async () => {
  await generations.stop();
  await stack.stop();
});
beforeEach(() =>
  change({ max_concurrency: null, max_concurrency_per_caller: null, max_starts_per_minute: null }),
);

const call = async (name: string, args: Record<string, unknown>) => {
  const { data, error } = await stack.supabase.rpc(name, args);
  if (error) throw error;
  return data;
};
const change = (changes: Record<string, number | null>) => call('change_limits', { p_changes: changes });

/** The most that were in work at once, by the database's own times: an attempt begins and ends with an event. */
async function mostAtOnce(ids: string[]): Promise<number> {
  const [row] = await stack.sql<{ most: number }>(
    `select max(running)::integer as most from (
       select sum(case when to_status = 'processing' then 1 else -1 end)
         over (order by at, to_status <> 'processing', id) as running
       from public.generation_events
       where image_id = any ($1) and (to_status = 'processing' or from_status = 'processing')
     ) r`,
    [ids],
  );
  return row?.most ?? 0;
}

test('three workers with twelve slots never do more at once than the limit', async () => {
  await change({ max_concurrency: 2 });

  const ids = await generations.submitMany(20, '[[sim:latency=60]]');
  await generations.waitForEnds(ids);

  assert.equal(await mostAtOnce(ids), 2);
});

test('one caller has no more at once than the limit of each, and the other slots are for others', async () => {
  await change({ max_concurrency_per_caller: 2 });

  const greedy = await generations.submitMany(3, '[[sim:fault=hold:ok]]', { lane_key: 'greedy' });
  const [first = '', second = '', third = ''] = greedy;
  for (const id of [first, second]) await stack.gemini.control.waitForCall(id);
  await generations.waitForEnds(await generations.submitMany(1, '', { lane_key: 'modest' }));
  const waiting = await generations.row(third);
  for (const id of greedy) {
    await stack.gemini.control.waitForCall(id);
    stack.gemini.control.release(id);
  }
  await generations.waitForEnds(greedy);

  assert.equal(waiting.released_at, null);
  assert.equal(await mostAtOnce(greedy), 2);
});

test('a limit that is raised meanwhile is used at once, without a new worker', async () => {
  await change({ max_concurrency: 1 });
  const ids = await generations.submitMany(6, '[[sim:fault=hold:ok]]');
  await Promise.any(ids.map((id) => stack.gemini.control.waitForCall(id)));
  const before = await processing(ids);

  await change({ max_concurrency: 6 });

  for (const id of ids) await stack.gemini.control.waitForCall(id);
  assert.equal(before.length, 1);
  for (const id of ids) stack.gemini.control.release(id);
  await generations.waitForEnds(ids);
});

test('starts come as slowly as the rate has it, over all workers', async () => {
  const rate = 300;
  await stack.sql(`update public.release_rate set starts_left = 0, counted_at = clock_timestamp()`);
  await change({ max_starts_per_minute: rate });

  const ids = await generations.submitMany(20);
  const rows = await generations.waitForEnds(ids);

  const [{ seconds = 0 } = {}] = await stack.sql<{ seconds: number }>(
    `select extract(epoch from max(released_at) - min(released_at))::float8 as seconds
     from public.generated_images where id = any ($1)`,
    [ids],
  );
  // 295 a minute are 4.9 a second; what gathers between two releases may start with the first of them.
  assert.ok(seconds >= 18 / 4.9 - 0.6, `20 starts in ${seconds} s`);
  assert.ok(seconds <= 18 / 4.9 + 3, `20 starts in ${seconds} s`);
  assert.ok(rows.every(({ status, attempt }) => status === 'succeeded' && attempt === 1));
});

test('a pause lets what runs end, holds the rest, and takes what comes; resuming goes on at once', async () => {
  const running = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(running);
  await call('pause_generations', { p_model: null, p_until: null, p_reason: 'maintenance' });
  const waiting = await generations.submitMany(5);
  stack.gemini.control.release(running);
  const ended = await generations.waitForEnd(running);
  for (let times = 0; times < 5; times += 1) await call('release_generations', {});
  const whilePaused = await Promise.all(waiting.map((id) => generations.row(id)));

  await call('resume_generations', { p_model: null, p_holds: false });

  const rows = await generations.waitForEnds(waiting);
  assert.equal(ended.status, 'succeeded');
  assert.ok(whilePaused.every(({ status, attempt }) => status === 'pending' && attempt === 0));
  assert.ok(rows.every(({ status, attempt }) => status === 'succeeded' && attempt === 1));
});

async function processing(ids: string[]): Promise<string[]> {
  const rows = await stack.sql<{ id: string }>(
    `select id from public.generated_images where id = any ($1) and status = 'processing'`,
    [ids],
  );
  return rows.map(({ id }) => id);
}
