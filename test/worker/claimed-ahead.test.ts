import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClaimedGeneration, CompletedImage } from '../../src/shared/generation.ts';
import { NO_TRACING } from '../../src/shared/tracing.ts';
import { createClaims } from '../../src/worker/claims.ts';
import { createProcessGeneration } from '../../src/worker/process-generation.ts';
import { createSlots } from '../../src/worker/slots.ts';
import { createLogLines } from '../support/log-lines.ts';

/** A worker of one slot that is given more jobs than that, as it is while images end quickly. */
function startClaiming() {
  const claims = createClaims();
  const made = Promise.withResolvers<void>();
  const told: string[] = [];
  const ended = Promise.withResolvers<void>();
  const end = (line: string) => {
    told.push(line);
    ended.resolve();
    return {} as never;
  };
  const process = createProcessGeneration({
    claims,
    slots: createSlots(1),
    workerId: 'worker',
    claimGeneration: async ({ id }) => {
      told.push(`${id} claimed`);
      return { id, attempt: 1, model: 'model-a' } as ClaimedGeneration;
    },
    makeImage: async ({ id }, progress) => {
      told.push(`${id} called`);
      progress.callStarted = true;
      await made.promise;
      return {} as CompletedImage;
    },
    report: {
      completed: async ({ id }) => end(`${id} succeeded`),
      failedWith: async ({ id }) => end(`${id} failed`),
      stopped: async ({ id }, _claim, reason, { callStarted }) =>
        end(`${id} stopped: ${reason}${callStarted ? ', called' : ''}`),
    },
    observeAttempt: () => undefined,
    release: { jobEnded: () => undefined },
    queue: { announceChange: () => undefined },
    heartbeat: { leaseMs: () => 30_000 },
    failpoint: () => undefined,
    tracing: NO_TRACING,
    log: createLogLines().log,
  });
  return { claims, process, told, letMake: made.resolve, anEnd: ended.promise };
}

test('a row is claimed while the slot is taken, and called when the slot is free', async () => {
  const { process, told, letMake } = startClaiming();
  const [first, second] = [process('a'), process('b')];
  await new Promise(setImmediate);
  assert.deepEqual(told, ['a claimed', 'b claimed', 'a called']);

  letMake();
  await Promise.all([first, second]);

  assert.deepEqual(told.slice(3).toSorted(), ['a succeeded', 'b called', 'b succeeded']);
});

for (const reason of ['cancel_requested', 'lost', 'shutdown'] as const) {
  test(`a claim that is stopped (${reason}) while it waits for a slot is never called`, async () => {
    const { claims, process, told, letMake, anEnd } = startClaiming();
    const jobs = [process('a'), process('b')];
    await new Promise(setImmediate);

    claims.stopImage('b', reason);
    await anEnd;
    letMake();
    await Promise.all(jobs);

    assert.deepEqual(told.slice(3), [`b stopped: ${reason}`, 'a succeeded']);
  });
}
