import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FaultProcess } from './fault-process.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const GRACE_MS = 1_500;
const GRACE = { SHUTDOWN_GRACE_MS: String(GRACE_MS) };
/** What a worker takes at the most for its last reports, beyond the grace (LAST_REPORTS_MS). */
const LAST_REPORTS_MS = 10_000;
/** No machine is so busy that a process takes longer to be gone for no reason. */
const SLACK_MS = 5_000;

const HELD_ONCE = '[[sim:fault=hold:ok*1]]';

async function submitCalling(stack: FaultStack, count: number, markers = HELD_ONCE): Promise<Submitted[]> {
  const images = await stack.submitMany(count, markers);
  await Promise.all(images.map(({ key }) => stack.gemini.waitForCall(key)));
  return images;
}

/** Each was taken from a worker in its call, by no fault of its own, and another worker has made it. */
async function assertMadeByAnother(stack: FaultStack, images: Submitted[]): Promise<void> {
  const rows = await stack.waitForEnd(...images);
  assert.deepEqual(
    rows.map(({ status, attempt, failures, billable_calls: billable }, index) => ({
      ...{ status, attempt, failures, billable },
      calls: stack.gemini.callsOf(images[index]?.key ?? '').started,
    })),
    images.map(() => ({ status: 'succeeded', attempt: 2, failures: 0, billable: 2, calls: 2 })),
  );
  await assertInvariants(stack);
}

describe('a worker that is told to leave', { concurrency: 2 }, () => {
  it('finishes what ends in time and hands back the rest, which another one makes at once', async (t) => {
    const stack = await startFaultStack(t);
    const [, worker] = await Promise.all([stack.startApi(), stack.startWorker(GRACE)]);
    const [quick, ...slow] = await submitCalling(stack, 3);

    const left = worker.terminate();
    await worker.waitForLine('process.stopping');
    stack.gemini.release(quick?.key);

    assert.deepEqual(await left, { code: 0, signal: null });
    const done = await quick?.row();
    assert.deepEqual([done?.status, done?.attempt, done?.billable_calls], ['succeeded', 1, 1]);
    const back = await Promise.all(slow.map((image) => image.row()));
    assert.deepEqual(
      back.map((row) => [row.status, row.failures, row.worker_id]),
      slow.map(() => ['pending', 0, null]),
    );
    await stack.startWorker();
    await assertMadeByAnother(stack, slow);
  });

  it('leaves in time though nobody reaches the database, and its images are taken over', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const [, worker] = await Promise.all([stack.startApi(), stack.startWorker(GRACE)]);
    const images = await submitCalling(stack, 2);
    stack.supabase.decide(() => 'cut');
    const from = performance.now();

    assert.deepEqual(await worker.terminate(), { code: 0, signal: null });

    const took = performance.now() - from;
    assert.ok(took < GRACE_MS + LAST_REPORTS_MS + SLACK_MS, `it took ${took} ms`);
    stack.supabase.passAll();
    await stack.startWorker();
    await assertMadeByAnother(stack, images);
  });

  it('twice ends at once, and loses nothing', async (t) => {
    const stack = await startFaultStack(t);
    const [, worker] = await Promise.all([
      stack.startApi(),
      stack.startWorker({ SHUTDOWN_GRACE_MS: '60000' }),
    ]);
    const images = await submitCalling(stack, 2);
    worker.terminate();
    await worker.waitForLine('process.stopping');
    const from = performance.now();

    assert.deepEqual(await worker.terminate(), { code: 1, signal: null });

    const took = performance.now() - from;
    assert.ok(took < SLACK_MS, `it took ${took} ms`);
    await stack.startWorker();
    await assertMadeByAnother(stack, images);
  });

  it('one after another, three in all and with submits going on, makes every image by one attempt', async (t) => {
    // With so long a lease nobody takes a slow machine's worker for dead.
    const stack = await startFaultStack(t, { leaseSeconds: 30 });
    const patient = { SHUTDOWN_GRACE_MS: '20000' };
    const old = await Promise.all([1, 2, 3].map(() => stack.startWorker(patient)));
    await stack.startApi();
    const load = submitUntilStopped(stack);

    for (const worker of old) await replace(stack, worker, patient);

    const images = await load.stop();
    const rows = await stack.waitForEnd(...images);
    assert.ok(images.length > 10, `${images.length} images are no load`);
    assert.deepEqual(
      rows.map(({ status, attempt, billable_calls: billable }) => [status, attempt, billable]),
      images.map(() => ['succeeded', 1, 1]),
    );
    await assertInvariants(stack);
  });
});

async function replace(stack: FaultStack, worker: FaultProcess, env: Record<string, string>): Promise<void> {
  const [, end] = await Promise.all([stack.startWorker(env), worker.terminate()]);
  assert.deepEqual(end, { code: 0, signal: null });
}

/** Clients that each send four more as soon as their last four have ended. */
function submitUntilStopped(stack: FaultStack): { stop(): Promise<Submitted[]> } {
  const images: Submitted[] = [];
  let stopped = false;
  const client = async () => {
    while (!stopped) {
      const sent = await stack.submitMany(4, '[[sim:latency=300]]');
      images.push(...sent);
      await stack.waitForEnd(...sent);
    }
  };
  const clients = [client(), client()];
  return {
    async stop() {
      stopped = true;
      await Promise.all(clients);
      return images;
    },
  };
}
