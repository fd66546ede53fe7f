import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FailpointName } from '../../src/shared/failpoints.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** A worker dies at this point of one row's work, and another takes its place, as its supervisor sees to. */
async function dieAt(point: FailpointName, stack: FaultStack) {
  await stack.startApi();
  const victim = await stack.startWorker({ FAILPOINTS: point });
  const image = await stack.submit();
  assert.equal((await victim.ended).signal, 'SIGKILL');
  assert.match(victim.stderr(), new RegExp(`died at ${point}`));
  await stack.startWorker();
  return image;
}

// Most of their time goes into waiting for a lease to end, each on a stack of its own.
describe('a worker that is killed', { concurrency: 3 }, () => {
  const outcomes: [FailpointName, { calls: number; billable: number; attempt: number }][] = [
    ['worker.after_claim', { calls: 1, billable: 2, attempt: 2 }],
    ['worker.before_call', { calls: 1, billable: 2, attempt: 2 }],
    ['worker.after_call', { calls: 2, billable: 2, attempt: 2 }],
    ['worker.after_upload', { calls: 1, billable: 1, attempt: 2 }],
    ['worker.after_complete', { calls: 1, billable: 1, attempt: 1 }],
  ];
  for (const [point, expected] of outcomes) {
    it(`${point.replace('worker.', '').replace('_', ' ')} loses no image and pays for none it has`, async (t) => {
      const stack = await startFaultStack(t);

      const image = await dieAt(point, stack);

      const [row] = await stack.waitForEnd(image);
      const calls = stack.gemini.callsOf(image.key).started;
      assert.deepEqual(
        { status: row?.status, calls, billable: row?.billable_calls, attempt: row?.attempt },
        { status: 'succeeded', ...expected },
      );
      await waitFor('Redis to be empty', async () => (await stack.monitor.jobs()) === 0);
      await assertInvariants(stack);
    });
  }

  it('during its call leaves one more to another worker, which makes the image', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    const victim = await stack.startWorker();
    const image = await stack.submit('[[sim:fault=hold:ok,ok]]');
    await stack.gemini.waitForCall(image.key);

    await victim.kill();
    await stack.startWorker();

    const [row] = await stack.waitForEnd(image);
    const { started, aborted } = stack.gemini.callsOf(image.key);
    assert.deepEqual([row?.status, row?.billable_calls, started, aborted], ['succeeded', 2, 2, 1]);
    await assertInvariants(stack);
  });

  it('during its last allowed call leaves an image whose outcome is unknown, and no third call', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    const image = await stack.submit('[[sim:fault=hold:ok]]');
    for (const nth of [1, 2]) {
      const victim = await stack.startWorker();
      await stack.gemini.waitForCall(image.key, nth);
      await victim.kill();
    }

    await stack.startWorker();

    const [row] = await stack.waitForEnd(image);
    const { started } = stack.gemini.callsOf(image.key);
    assert.deepEqual(
      [row?.status, row?.error_code, row?.billable_calls, started],
      ['failed', 'outcome_unknown', 2, 2],
    );
    await assertInvariants(stack);
  });

  it('by one prompt each time ends that image as unknown, and the others go on', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    const poison = await stack.submit('poison');
    const env = { FAILPOINTS: 'worker.after_call@poison' };
    await (await stack.startWorker(env)).ended;
    const others = await stack.submitMany(6);

    await (await stack.startWorker(env)).ended;
    const last = await stack.startWorker(env);

    const [row] = await stack.waitForEnd(poison);
    assert.deepEqual(
      [row?.status, row?.error_code, stack.gemini.callsOf(poison.key).started],
      ['failed', 'outcome_unknown', 2],
    );
    const rows = await stack.waitForEnd(...others);
    assert.deepEqual([...new Set(rows.map(({ status }) => status))], ['succeeded']);
    assert.deepEqual(await last.terminate(), { code: 0, signal: null });
    await assertInvariants(stack);
  });
});
