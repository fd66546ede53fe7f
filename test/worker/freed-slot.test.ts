import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { type Running, startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
let worker: Running;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
});
afterEach(() => worker.stop());
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

const reports = () => supabase.requests.filter(({ path }) => path.includes('/rpc/complete_')).length;

/** One slot, and a database that keeps all reports until it is let. */
async function startWithHeldReports(): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<'pass'>();
  supabase.requests.length = 0;
  supabase.decide(({ path }) => (path.includes('/rpc/complete_') ? promise : 'pass'));
  const env = { SUPABASE_URL: supabase.url, SUPABASE_PUBLIC_URL: stack.supabaseUrl, WORKER_CONCURRENCY: '1' };
  worker = await stack.startWorker(env, createLogLines().log);
  return () => resolve('pass');
}

test('a slot makes the next image while the last is reported', async () => {
  const letReports = await startWithHeldReports();
  const first = await generations.submit();
  await generations.waitFor(async () => assert.equal(reports(), 1));
  const second = await generations.submit();

  await stack.gemini.control.waitForCall(second);
  assert.equal((await generations.row(first)).status, 'processing');
  letReports();

  const rows = await generations.waitForEnds([first, second]);
  assert.deepEqual(
    rows.map(({ status, attempt, billable_calls }) => [status, attempt, billable_calls]),
    [
      ['succeeded', 1, 1],
      ['succeeded', 1, 1],
    ],
  );
});

test('images whose reports are not taken hold back the images after them', async () => {
  const letReports = await startWithHeldReports();
  const ids = await Promise.all(Array.from({ length: 12 }, () => generations.submit()));
  const made = async () => {
    const rows = await Promise.all(ids.map(generations.row));
    return rows.filter(({ attempt }) => attempt > 0).length;
  };

  // One slot, and the four that a release hands out beyond it.
  await generations.waitFor(async () => assert.equal(await made(), 5));
  await stack.supabase.rpc('release_generations');
  assert.equal(await made(), 5);
  letReports();

  for (const row of await generations.waitForEnds(ids))
    assert.deepEqual([row.status, row.attempt], ['succeeded', 1]);
});

test('a worker that stops waits for its reports', async () => {
  const letReports = await startWithHeldReports();
  const id = await generations.submit();
  await generations.waitFor(async () => assert.equal(reports(), 1));

  const stopped = worker.stop();
  await generations.waitFor(async () => {
    const [row] = await stack.sql<{ concurrency: number }>('select concurrency from public.workers');
    assert.equal(row?.concurrency, 0);
  });
  letReports();
  await stopped;

  const row = await generations.row(id);
  assert.deepEqual([row.status, row.attempt, row.failures], ['succeeded', 1, 0]);
});
