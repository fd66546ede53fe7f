import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstTimes, type ProxiedRequest } from '../support/fault-proxy.ts';
import type { Row } from '../support/generations.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** So many replies in a row are lost. */
const TIMES = 2;

type Outcome = {
  status: Row['status'] | undefined;
  error_code: string | null | undefined;
  failures: number | undefined;
  billable_calls: number | undefined;
  calls: number;
};

const MADE: Outcome = { status: 'succeeded', error_code: null, failures: 0, billable_calls: 1, calls: 1 };
const MADE_AT_THE_SECOND_CALL: Outcome = { ...MADE, failures: 1, calls: 2 };
/** What Gemini refuses is not billed. */
const REFUSED: Outcome = {
  status: 'failed',
  error_code: 'upstream_error',
  failures: 1,
  billable_calls: 0,
  calls: 1,
};

/** Also one for many: what is not settled there is asked for alone. */
const isCallOf =
  (fn: string) =>
  ({ path }: ProxiedRequest) =>
    path.endsWith(`/rpc/${fn}`) || path.endsWith(`/rpc/${fn}s`);

async function assertOutcome(
  stack: FaultStack,
  image: Submitted,
  expected: Outcome,
  what?: string,
): Promise<void> {
  const [row] = await stack.waitForEnd(image);
  const outcome = {
    status: row?.status,
    error_code: row?.error_code,
    failures: row?.failures,
    billable_calls: row?.billable_calls,
    calls: stack.gemini.callsOf(image.key).started,
  };
  assert.deepEqual(outcome, expected, what);
}

/** Waits for the first call of `fn` whose reply arrives. */
async function waitForReply({ supabase }: FaultStack, fn: string, from: number): Promise<void> {
  const arrived = () => supabase.requests.slice(from).filter(isCallOf(fn)).length;
  await waitFor(`more than ${TIMES} calls of ${fn}`, () => arrived() > TIMES);
}

describe('a reply that is lost when the database has acted', { concurrency: 3 }, () => {
  /** Who is not told asks again, and that must count for nothing. */
  const asked: [fn: string, markers: string, expected: Outcome][] = [
    ['submit_generations', '', MADE],
    ['claim_generation', '', MADE],
    ['complete_generation', '', MADE],
    ['fail_generation', '[[sim:fault=400-argument]]', REFUSED],
    ['return_generation', '[[sim:fault=503,ok]]', MADE_AT_THE_SECOND_CALL],
  ];
  it('is asked for again and counts once, of a submit, a claim, and each report', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    for (const [fn, markers, expected] of asked) {
      const before = stack.supabase.requests.length;
      stack.supabase.decide(firstTimes(TIMES, isCallOf(fn), 'lose'));

      const image = await stack.submit(markers);

      assert.equal(image.status, 202, fn);
      await waitForReply(stack, fn, before);
      await assertOutcome(stack, image, expected, fn);
    }
    assert.equal((await stack.base.sql('select 1 from public.generated_images')).length, asked.length);
    await assertInvariants(stack);
  });

  it('of beat_worker takes no image from the worker that holds it', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await stack.submit('[[sim:fault=hold:ok]]');
    await stack.gemini.waitForCall(image.key);
    const before = stack.supabase.requests.length;
    stack.supabase.decide(firstTimes(TIMES, isCallOf('beat_worker'), 'lose'));

    await waitForReply(stack, 'beat_worker', before);
    stack.gemini.release(image.key);

    await assertOutcome(stack, image, MADE);
    await assertInvariants(stack);
  });

  it('of release_generations leaves the jobs that it named to reconcile', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    stack.supabase.decide((request) => (isCallOf('release_generations')(request) ? 'lose' : 'pass'));

    const image = await stack.submit();

    await stack.waitUntil(image.key, ({ released_at: releasedAt }) => releasedAt !== null);
    await assertOutcome(stack, image, MADE);
    await assertInvariants(stack);
  });
});
