import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { FailpointName } from '../../src/shared/failpoints.ts';
import { waitFor } from '../support/wait-for.ts';
import type { FaultProcess } from './fault-process.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** Long enough for another worker to act on it, also on a busy machine. */
const BLOCK_MS = 12_000;

type Blocked = { stack: FaultStack; image: Submitted; blocked: FaultProcess; other: FaultProcess };

/**
 * A worker's event loop is blocked at this point of an image's work, and another worker, which was busy until then, can
 * take it.
 */
async function blockAt(t: TestContext, point: FailpointName, lease?: string): Promise<Blocked> {
  const stack = await startFaultStack(t);
  if (lease) await stack.base.sql('update public.settings set lease = $1', [lease]);
  const env = {
    WORKER_CONCURRENCY: '1',
    JOB_LOCK_MS: '1000',
    JOB_STALLED_CHECK_MS: '200',
    LOG_LEVEL: 'debug',
  };
  const [, other] = await Promise.all([stack.startApi(), stack.startWorker(env)]);
  const first = await stack.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.waitForCall(first.key);
  const blocked = await stack.startWorker({ ...env, FAILPOINTS: `${point}:block=${BLOCK_MS}` });
  const image = await stack.submit();
  await waitFor('the event loop to be blocked', () => blocked.stderr().includes(`blocked at ${point}`));
  stack.gemini.release(first.key);
  return { stack, image, blocked, other };
}

/** Both leave in order, so that nothing of theirs comes after. */
async function assertOneWinner(
  { stack, image, blocked, other }: Blocked,
  expected: { attempt: number; calls: number },
): Promise<void> {
  const [row] = await stack.waitForEnd(image);
  for (const worker of [blocked, other]) {
    assert.deepEqual(await worker.terminate(), { code: 0, signal: null });
  }
  const { started } = stack.gemini.callsOf(image.key);
  assert.deepEqual(
    [row?.status, row?.storage_path?.at(-5), { attempt: row?.attempt, calls: started }],
    ['succeeded', String(expected.attempt), expected],
  );
  await assertInvariants(stack);
}

describe('a worker whose event loop is blocked', { concurrency: 3 }, () => {
  it('for longer than its job is locked, but not than its lease, keeps the image that others are offered', async (t) => {
    const taken = await blockAt(t, 'worker.after_call', '30 seconds');

    const offered = await taken.other.waitForLine('generation.not_claimed');

    const [row] = await taken.stack.waitForEnd(taken.image);
    assert.equal(offered.image_id, row?.id);
    await assertOneWinner(taken, { attempt: 1, calls: 1 });
  });

  it('after its call for longer than its lease wins nothing with what it has in hand', async (t) => {
    const taken = await blockAt(t, 'worker.after_call');

    await assertOneWinner(taken, { attempt: 2, calls: 2 });
  });

  it('before its call for longer than its lease calls nobody any more', async (t) => {
    const taken = await blockAt(t, 'worker.after_claim');

    await assertOneWinner(taken, { attempt: 2, calls: 1 });
  });
});
