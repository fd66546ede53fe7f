import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { FaultProcess } from './fault-process.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

type Taken = { stack: FaultStack; image: Submitted; frozen: FaultProcess; other: FaultProcess };

/** A worker is frozen in its call for longer than its lease, and another one has made a call of its own. */
async function freezeInCall(t: TestContext, faults: string, { answered = false } = {}): Promise<Taken> {
  const stack = await startFaultStack(t);
  await stack.startApi();
  const frozen = await stack.startWorker();
  const image = await stack.submit(`[[sim:fault=${faults}]]`);
  await stack.gemini.waitForCall(image.key);
  frozen.freeze();
  if (answered) stack.gemini.release(image.key);
  const other = await stack.startWorker();
  await stack.gemini.waitForCall(image.key, 2);
  return { stack, image, frozen, other };
}

/** Both leave in order, so that nothing of theirs comes after. */
async function assertOneWinner({ stack, image, frozen, other }: Taken): Promise<void> {
  const [row] = await stack.waitForEnd(image);
  for (const worker of [frozen, other]) {
    assert.deepEqual(await worker.terminate(), { code: 0, signal: null });
  }
  assert.deepEqual([row?.status, row?.attempt, row?.storage_path?.at(-5)], ['succeeded', 2, '2']);
  assert.equal(stack.gemini.callsOf(image.key).started, 2);
  await assertInvariants(stack, { overlapping: [image.key] });
}

describe('a worker that is frozen beyond its lease', { concurrency: 3 }, () => {
  it('and woken when another one has made the image leaves that image alone', async (t) => {
    const taken = await freezeInCall(t, 'hold:ok,ok');
    await taken.stack.waitForEnd(taken.image);
    taken.stack.gemini.release(taken.image.key);

    taken.frozen.thaw();

    await assertOneWinner(taken);
  });

  it('and woken while another one is still calling gives up its own call', async (t) => {
    const taken = await freezeInCall(t, 'hold:ok');

    taken.frozen.thaw();

    await taken.stack.gemini.waitForCall(taken.image.key, 1, 'aborted');
    taken.stack.gemini.release(taken.image.key);
    await assertOneWinner(taken);
  });

  it('and woken with its answer there while another one is still calling wins nothing', async (t) => {
    const taken = await freezeInCall(t, 'hold:ok', { answered: true });

    taken.frozen.thaw();

    assert.deepEqual(await taken.frozen.terminate(), { code: 0, signal: null });
    taken.stack.gemini.release(taken.image.key);
    await assertOneWinner(taken);
  });
});
