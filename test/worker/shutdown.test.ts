import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { asksTo, type Fate, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

const workers = () =>
  stack.sql<{ id: string; concurrency: number }>('select id, concurrency from public.workers');

const startWorker = (graceMs: number, log = createLogLines().log) =>
  stack.startWorker(
    {
      SUPABASE_URL: supabase.url,
      SUPABASE_PUBLIC_URL: stack.supabaseUrl,
      SHUTDOWN_GRACE_MS: String(graceMs),
    },
    log,
  );

test('what ends within the grace period is completed, the rest is handed back and made by another worker', async () => {
  const worker = await startWorker(600);
  const quick = await generations.submit('[[sim:latency=250]]');
  const slow = await generations.submit('[[sim:fault=hold:ok*1]]');
  await Promise.all([quick, slow].map((id) => stack.gemini.control.waitForCall(id)));

  const stopped = worker.stop();
  const waiting = await generations.submit();
  await generations.waitFor(async () =>
    assert.deepEqual(await workers(), [{ id: worker.id, concurrency: 0 }]),
  );
  await stopped;

  const [done, back, untouched] = await Promise.all([quick, slow, waiting].map(generations.row));
  assert.deepEqual([done?.status, done?.attempt, generations.calls(quick)], ['succeeded', 1, 1]);
  assert.deepEqual(
    [back?.status, back?.failures, back?.billable_calls, back?.worker_id],
    ['pending', 0, 1, null],
  );
  assert.deepEqual([untouched?.status, untouched?.attempt], ['pending', 0]);
  assert.equal(stack.gemini.control.callsOf(slow).aborted, 1);
  assert.deepEqual(await workers(), []);

  const other = await startWorker(100);
  const rows = await generations.waitForEnds([slow, waiting]);
  await other.stop();
  assert.deepEqual(
    rows.map(({ status, attempt, failures, billable_calls }) => [status, attempt, failures, billable_calls]),
    [
      ['succeeded', 2, 0, 2],
      ['succeeded', 1, 0, 1],
    ],
  );
  assert.equal(generations.calls(slow), 2);
});

test('a row that is handed back before its call has cost nothing', async () => {
  const worker = await startWorker(50);
  const path = 'shutdown/held.png';
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  supabase.decide(async (request): Promise<Fate> => {
    if (request.path.includes(path)) {
      arrived.resolve();
      await goOn.promise;
    }
    return 'pass';
  });
  const id = await generations.submit('', { reference_images: [{ bucket: 'reference-images', path }] });
  await arrived.promise;

  const stopped = worker.stop();
  const row = await generations.waitForStatus(id, 'pending');
  goOn.resolve();
  await stopped;
  supabase.passAll();

  assert.deepEqual([row.failures, row.billable_calls, row.error], [0, 0, null]);
  assert.ok((row.not_before?.getTime() ?? 0) <= Date.now() + 1_000, 'another worker may take it at once');
  await stack.sql('delete from public.generated_images where id = $1', [id]);
});

test('a row whose claim is under way at the end is handed back too, at no cost', async () => {
  const { log, of: linesOf } = createLogLines();
  const worker = await startWorker(50, log);
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  supabase.decide(async (request): Promise<Fate> => {
    if (asksTo('claim')(request)) {
      arrived.resolve();
      await goOn.promise;
    }
    return 'pass';
  });
  const id = await generations.submit();
  await arrived.promise;

  const stopped = worker.stop();
  await generations.waitFor(async () => assert.equal((await workers())[0]?.concurrency, 0));
  setTimeout(() => goOn.resolve(), 100);
  await stopped;
  supabase.passAll();

  const row = await generations.row(id);
  assert.deepEqual([row.status, row.failures, row.billable_calls], ['pending', 0, 0]);
  assert.equal(generations.calls(id), 0);
  assert.deepEqual(linesOf('generation.unreported'), []);
  await stack.sql('delete from public.generated_images where id = $1', [id]);
});

test('a worker stops in time when neither the database nor Storage answers any more', async () => {
  const worker = await startWorker(50);
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);
  supabase.decide(() => 'cut');
  const from = performance.now();

  await worker.stop();
  supabase.passAll();

  assert.ok(performance.now() - from < 10_000, `${performance.now() - from} ms`);
  assert.equal((await generations.row(id)).status, 'processing');
  await stack.sql('delete from public.generated_images where id = $1', [id]);
});
