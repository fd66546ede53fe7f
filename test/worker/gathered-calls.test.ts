import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Claim, MadeImage } from '../../src/shared/attempt-store.ts';
import type { ClaimedGeneration, CompletedImage } from '../../src/shared/generation.ts';
import { RpcError } from '../../src/shared/rpc.ts';
import { NO_TRACING } from '../../src/shared/tracing.ts';
import { gatherAttemptCalls } from '../../src/worker/gathered-calls.ts';
import { createLogLines } from '../support/log-lines.ts';

const OPTIONS = { repeatForMs: 30_000 };
const IMAGE = {} as CompletedImage;

type Calls = Parameters<typeof gatherAttemptCalls>[0]['store'];

/** A store that settles what `settles` says of those who ask together, and everything that is asked alone; `calls` are its calls. */
function createStore(settles: (claim: Claim) => boolean) {
  const calls: [name: string, ...ids: string[]][] = [];
  const tell = (name: string, claims: Claim[]) => {
    calls.push([name, ...claims.map(({ id }) => id)]);
    return claims.filter(settles);
  };
  const claimed = (claims: Claim[]) => ({
    claimed: claims.map(({ id, claimId }) => ({ id, claim_id: claimId }) as never),
    rest: [],
  });
  const completed = (claims: Claim[]) => ({
    completed: claims.map(({ claimId }) => ({ claim_id: claimId, timings: null })),
    rest: [],
  });
  const claimsOf = (images: MadeImage[]) => images.map(({ claim }) => claim);
  const store: Calls = {
    claimGenerations: async (claims) => claimed(tell('claim together', claims)),
    completeGenerations: async (images) => completed(tell('complete together', claimsOf(images))),
    completeAndClaimGenerations: async (images, claims) => {
      const settled = tell('both', [...claimsOf(images), ...claims]);
      return {
        completed: completed(settled.filter((claim) => claimsOf(images).includes(claim))),
        claimed: claimed(settled.filter((claim) => claims.includes(claim))),
      };
    },
    async claimGeneration(claim) {
      calls.push(['claim alone', claim.id]);
      return { id: claim.id } as ClaimedGeneration;
    },
    async completeGeneration(claim) {
      calls.push(['complete alone', claim.id]);
      return { status: 'succeeded', timings: {} };
    },
  };
  const { log, lines } = createLogLines();
  return { calls, lines, ...gatherAttemptCalls({ store, workerId: 'worker', tracing: NO_TRACING, log }) };
}

const claimOf = (id: string): Claim => ({ id, claimId: randomUUID() });
const everything = () => true;

test('jobs that end while others begin share one call', async () => {
  const { calls, claimGeneration, completeGeneration } = createStore(everything);

  const [begun, ended, alsoBegun] = await Promise.all([
    claimGeneration(claimOf('a'), OPTIONS),
    completeGeneration(claimOf('b'), IMAGE, OPTIONS),
    claimGeneration(claimOf('c'), OPTIONS),
  ]);

  assert.deepEqual(calls, [['both', 'b', 'a', 'c']]);
  assert.deepEqual([begun?.id, ended?.timings, alsoBegun?.id], ['a', null, 'c']);
});

test('jobs that all begin, or all end, ask for nothing else', async () => {
  const { calls, claimGeneration, completeGeneration } = createStore(everything);

  await Promise.all(['a', 'b'].map((id) => claimGeneration(claimOf(id), OPTIONS)));
  await Promise.all(['c', 'd'].map((id) => completeGeneration(claimOf(id), IMAGE, OPTIONS)));

  assert.deepEqual(calls, [
    ['claim together', 'a', 'b'],
    ['complete together', 'c', 'd'],
  ]);
});

test('what is not settled together is asked for alone, and nothing else is', async () => {
  const { calls, claimGeneration, completeGeneration } = createStore(({ id }) => id === 'a' || id === 'c');

  await Promise.all([
    ...['a', 'b'].map((id) => claimGeneration(claimOf(id), OPTIONS)),
    ...['c', 'd'].map((id) => completeGeneration(claimOf(id), IMAGE, OPTIONS)),
  ]);

  assert.deepEqual(calls[0], ['both', 'c', 'd', 'a', 'b']);
  assert.deepEqual(calls.slice(1).toSorted(), [
    ['claim alone', 'b'],
    ['complete alone', 'd'],
  ]);
});

for (const [what, error, logged] of [
  ['is not heard of', new RpcError('both', { code: '', message: 'away', unclear: true }), 0],
  ['breaks', new Error('a bug'), 1],
] as const) {
  test(`a call for both that ${what} leaves each to be asked for alone`, async () => {
    const { calls, lines, claimGeneration, completeGeneration } = createStore(() => {
      throw error;
    });

    const [begun, ended] = await Promise.all([
      claimGeneration(claimOf('a'), OPTIONS),
      completeGeneration(claimOf('b'), IMAGE, OPTIONS),
    ]);

    assert.deepEqual(calls.slice(1).toSorted(), [
      ['claim alone', 'a'],
      ['complete alone', 'b'],
    ]);
    assert.deepEqual([begun?.id, ended?.timings], ['a', {}]);
    assert.equal(lines.filter(({ msg }) => msg === 'gathered_call.failed').length, logged * 2);
  });
}
