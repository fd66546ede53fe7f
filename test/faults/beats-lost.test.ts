import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksTo } from '../support/fault-proxy.ts';
import type { FaultStack } from './fault-stack.ts';
import { startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** No beat comes through for longer than half a lease; the first claim arrives once that is so. */
function loseBeats({ supabase, leaseMs }: FaultStack): void {
  const from = performance.now();
  const lostForLong = Promise.withResolvers<void>();
  supabase.decide(async (request) => {
    const { path, at } = request;
    if (asksTo('claim')(request)) {
      await lostForLong.promise;
      supabase.passAll();
    }
    if (!path.endsWith('/rpc/beat_worker')) return 'pass';
    if (at - from > leaseMs * 0.7) lostForLong.resolve();
    return 'cut';
  });
}

describe('a worker whose beats were lost', { concurrency: 2 }, () => {
  it('and come through again makes the image that it has claimed, without giving it back first', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    loseBeats(stack);

    const [row] = await stack.waitForEnd(await stack.submit());

    assert.deepEqual([row?.status, row?.attempt, row?.billable_calls], ['succeeded', 1, 1]);
    await assertInvariants(stack);
  });
});
