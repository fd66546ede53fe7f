import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { secondsToMidnightPacific } from '../../src/worker/quota-hold.ts';
import { createGenerations, type Generations, MODEL } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const OTHER_MODEL = 'gemini-3-pro-image';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  await stack.startWorker();
  await stack.startWorker();
});
after(async () => {
  await generations.stop();
  await stack.stop();
});
afterEach(() => liftPauses());

async function pauses(): Promise<{ scope: string; seconds: number }[]> {
  return stack.sql(
    'select scope, extract(epoch from until - now())::float8 as seconds from public.pauses order by scope',
  );
}

const liftPauses = () => stack.sql('delete from public.pauses');
const release = async () => (await stack.supabase.rpc('release_generations')).data.jobs;

/** A row whose first call met the quota, as it waits. */
async function heldRow(fault: string): Promise<string> {
  const id = await generations.submit(`[[sim:fault=${fault}]]`);
  const row = await generations.waitUntil(id, ({ status, error }) => status === 'pending' && error !== null);
  assert.deepEqual(
    [row.error?.code, row.error?.retryable, row.failures, row.billable_calls],
    ['upstream_rate_limited', true, 0, 0],
  );
  return id;
}

test("a minute's quota holds its model for as long as Google says, and the others go on", async () => {
  const held = await heldRow('429-minute:9s*1');
  const [pause] = await pauses();
  const waiting = await generations.submit();

  const other = await generations.waitForEnd(await generations.submit('', { model: OTHER_MODEL }));

  assert.equal(pause?.scope, `model:${MODEL}`);
  assert.ok(pause.seconds > 8 && pause.seconds <= 9.9, String(pause.seconds));
  assert.equal(other.status, 'succeeded');
  assert.deepEqual([generations.calls(held), generations.calls(waiting)], [1, 0]);
  await liftPauses();
  const [row] = await generations.waitForEnds([held, waiting]);
  assert.deepEqual([row?.status, row?.failures, row?.billable_calls, row?.attempt], ['succeeded', 0, 1, 2]);
});

test('after a hold one row probes for all workers, and once its call went through all go on', async () => {
  const first = await heldRow('429-minute:0.8s*1,hold:ok');
  const ids = [first, ...(await generations.submitMany(5, '[[sim:fault=hold:ok]]'))];
  const processing = async () =>
    stack.sql<{ id: string }>(
      `select id from public.generated_images where id = any ($1) and status = 'processing'`,
      [ids],
    );

  await generations.waitUntil(first, ({ status }) => status === 'processing');
  for (let times = 0; times < 5; times += 1) await release();
  const probing = await processing();
  stack.gemini.control.release(first);

  assert.deepEqual(
    probing.map(({ id }) => id),
    [first],
  );
  for (const id of ids.slice(1)) await stack.gemini.control.waitForCall(id);
  assert.equal((await processing()).length, 5);
  assert.deepEqual(await pauses(), []);
  for (const id of ids) stack.gemini.control.release(id);
  const rows = await generations.waitForEnds(ids);
  assert.ok(rows.every(({ status, billable_calls }) => status === 'succeeded' && billable_calls === 1));
});

test("a day's quota holds its model until midnight Pacific, whatever RetryInfo says", async () => {
  const id = await heldRow('429-day:18s*1');

  const [pause] = await pauses();

  assert.equal(pause?.scope, `model:${MODEL}`);
  const toMidnight = secondsToMidnightPacific(new Date());
  assert.ok(Math.abs(pause.seconds - toMidnight) < 5, `${pause.seconds} is not ${toMidnight}`);
  await liftPauses();
  assert.equal((await generations.waitForEnd(id)).status, 'succeeded');
});

for (const fault of ['429-bare*1', '429-minute:none*1']) {
  test(`${fault} tells no time and holds its model for a minute`, async () => {
    const id = await heldRow(fault);

    const [pause] = await pauses();

    assert.equal(pause?.scope, `model:${MODEL}`);
    assert.ok(pause.seconds > 58 && pause.seconds <= 66, String(pause.seconds));
    await liftPauses();
    assert.equal((await generations.waitForEnd(id)).status, 'succeeded');
  });
}

for (const [fault, seconds] of [
  ['429-spend*1', 120],
  ['402*1', 600],
] as const) {
  test(`${fault} holds the whole project for ${seconds} s`, async () => {
    const id = await heldRow(fault);
    const other = await generations.submit('', { model: OTHER_MODEL });

    const [pause] = await pauses();

    assert.equal(pause?.scope, 'project');
    assert.ok(pause.seconds > seconds - 2 && pause.seconds <= seconds, String(pause.seconds));
    assert.deepEqual(await release(), []);
    assert.deepEqual([(await generations.row(other)).status, generations.calls(other)], ['pending', 0]);
    await liftPauses();
    const rows = await generations.waitForEnds([id, other]);
    assert.deepEqual(
      rows.map(({ status }) => status),
      ['succeeded', 'succeeded'],
    );
  });
}

for (const [fault, http_status, reason, scope] of [
  ['400-key', 400, 'API_KEY_INVALID', 'project'],
  ['400-precondition', 400, 'FAILED_PRECONDITION', 'project'],
  ['403-suspended', 403, 'CONSUMER_SUSPENDED', 'project'],
  // It may be about this model only: the others go on.
  ['403', 403, 'PERMISSION_DENIED', `model:${MODEL}`],
] as const) {
  test(`${fault} fails the row for good and holds ${scope} for an operator`, async () => {
    const id = await generations.submit(`[[sim:fault=${fault}]]`);

    const row = await generations.waitForEnd(id);

    const [pause] = await pauses();
    assert.deepEqual([row.status, row.error_code, row.billable_calls], ['failed', 'misconfigured', 0]);
    assert.deepEqual([row.error?.retryable, row.error?.upstream], [false, { http_status, reason }]);
    assert.equal(generations.calls(id), 1);
    assert.equal(pause?.scope, scope);
    assert.ok(pause.seconds > 58 && pause.seconds <= 60, String(pause.seconds));
  });
}
