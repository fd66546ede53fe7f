import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type FaultProxy, firstTimes, type ProxiedRequest, startFaultProxy } from '../support/fault-proxy.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, type Row } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
const { log, of: linesOf } = createLogLines();
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
  await stack.startWorker({ SUPABASE_URL: supabase.url, SUPABASE_PUBLIC_URL: stack.supabaseUrl }, log);
});
afterEach(() => supabase.passAll());
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

/** Also one for many: what is not settled there is asked for alone. */
const calls =
  (fn: string) =>
  ({ path, body }: ProxiedRequest, id = '') =>
    (path.endsWith(`/rpc/${fn}`) || path.endsWith(`/rpc/${fn}s`)) && body.includes(id);

function assertOneImage(row: Row): void {
  assert.deepEqual(
    [row.status, row.attempt, row.failures, row.billable_calls, generations.calls(row.id)],
    ['succeeded', 1, 0, 1, 1],
    JSON.stringify(row.error),
  );
}

for (const fn of ['claim_generation', 'complete_generation', 'beat_worker', 'release_generations']) {
  for (const fate of ['cut', 'lose', 'halve', { status: 503 }] as const) {
    test(`${fn} that meets ${JSON.stringify(fate)} twice costs no second call`, async () => {
      supabase.decide(firstTimes(2, calls(fn), fate));

      const row = await generations.waitForEnd(await generations.submit());

      assertOneImage(row);
      assert.deepEqual(await generations.objects(row.id), ['1.png']);
    });
  }
}

test('images that begin or end together share calls, and when these are refused none is the worse for it', async () => {
  const shared = (fn: string, from: number) =>
    supabase.requests.slice(from).filter(({ path }) => path.endsWith(`/rpc/${fn}`)).length;
  const makeFour = async () => {
    const from = supabase.requests.length;
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => generations.submit('[[sim:fault=hold:ok]]')),
    );
    await Promise.all(ids.map((id) => stack.gemini.control.waitForCall(id)));
    for (const id of ids) stack.gemini.control.release(id);
    for (const id of ids) assertOneImage(await generations.waitForEnd(id));
    return from;
  };

  const passed = await makeFour();
  assert.equal(shared('complete_generation', passed) + shared('claim_generation', passed), 0);
  assert.ok(shared('complete_generations', passed) < 4, 'each was completed by a call of its own');

  supabase.decide(({ path }) =>
    /_generations$/.test(path) && !path.endsWith('release_generations')
      ? { status: 400, body: '{"code": "23514", "message": "refused"}' }
      : 'pass',
  );
  const refused = await makeFour();
  assert.equal(shared('claim_generation', refused), 4);
  assert.equal(shared('complete_generation', refused), 4);
});

test('a failure whose report was lost after it was written counts once', async () => {
  const id = await generations.submit('[[sim:fault=hold:503*1]]');
  await stack.gemini.control.waitForCall(id);
  supabase.decide(firstTimes(1, calls('return_generation'), 'lose'));
  stack.gemini.control.release(id);

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.attempt, row.failures, row.billable_calls], ['succeeded', 2, 1, 1]);
});

test('an image that was paid for survives a database that is away for longer than the lease', async () => {
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);
  const awayFrom = performance.now();
  supabase.decide(({ path }) => (path.includes('/rpc/') ? 'cut' : 'pass'));
  stack.gemini.control.release(id);
  await generations.waitFor(async () => {
    const beats = supabase.requests.filter(
      (request) => calls('beat_worker')(request) && request.at > awayFrom,
    );
    assert.ok((beats.at(-1)?.at ?? 0) - awayFrom > 3_300);
  });
  supabase.passAll();

  const row = await generations.waitForEnd(id);

  assertOneImage(row);
  assert.deepEqual(await generations.objects(id), ['1.png']);
});

test('a worker whose beats are lost for longer than half a lease starts no call', async () => {
  const path = 'lost-beats/reference.png';
  await stack.supabase.storage.from('reference-images').upload(path, await plainPicture(8, 8));
  const { promise: beatsAreLost, resolve } = Promise.withResolvers<void>();
  const lostFrom = performance.now();
  supabase.decide(async (request) => {
    if (calls('beat_worker')(request)) {
      if (request.at - lostFrom > 2_100) resolve();
      return 'cut';
    }
    if (request.path.includes(path)) await beatsAreLost;
    return 'pass';
  });
  const id = await generations.submit('', { reference_images: [{ bucket: 'reference-images', path }] });

  const waiting = await generations.waitUntil(id, ({ error }) => error !== null);
  const callsWhileCutOff = generations.calls(id);
  supabase.passAll();
  await generations.waitFor(async () => {
    const heard = `select 1 from public.workers where beat_at > now() - interval '1 second'`;
    assert.equal((await stack.sql(heard)).length, 1);
  });
  await stack.sql('update public.generated_images set not_before = now() where id = $1', [id]);
  const row = await generations.waitForEnd(id);

  assert.deepEqual([waiting.status, waiting.failures, waiting.billable_calls], ['pending', 0, 0]);
  assert.equal(callsWhileCutOff, 0);
  assert.deepEqual([row.status, row.billable_calls, generations.calls(id)], ['succeeded', 1, 1]);
});

test('a database that is away is no error that a person has to look at', () => {
  assert.deepEqual(
    ['generation.unreported', 'generation.broken'].flatMap(linesOf).map(({ msg, err }) => ({ msg, err })),
    [],
  );
  assert.ok(linesOf('database.away').length > 0);
});
