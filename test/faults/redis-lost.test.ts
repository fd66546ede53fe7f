import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const SLOTS = 4;
/** Redis is on no answer's way; a busy machine is. */
const ANSWERED_WITHIN_MS = 5_000;

type Busy = { stack: FaultStack; images: Submitted[] };

/** Every slot is in a call that is held, jobs wait in Redis, and rows wait in Postgres. */
async function fillUp(t: TestContext): Promise<Busy> {
  const stack = await startFaultStack(t, { redis: 'own' });
  await Promise.all([stack.startApi(), stack.startWorker({ WORKER_CONCURRENCY: String(SLOTS) })]);
  const images = await stack.submitMany(12, '[[sim:fault=hold:ok]]');
  await waitFor('all slots to be calling', () => heldKeys({ stack, images }).length === SLOTS);
  await waitFor('jobs to wait', async () => (await stack.monitor.jobs()) > SLOTS);
  return { stack, images };
}

const heldKeys = ({ stack, images }: Busy) => images.filter(({ key }) => stack.gemini.callsOf(key).open > 0);

/** Calls are let go as they come, and every image is made by one. */
async function assertOneCallEach({ stack, images }: Busy): Promise<void> {
  const letGo = setInterval(() => stack.gemini.release(), 20);
  const rows = await stack.waitForEnd(...images).finally(() => clearInterval(letGo));
  assert.deepEqual(
    rows.map(({ status }, index) => [status, stack.gemini.callsOf(images[index]?.key ?? '').started]),
    images.map(() => ['succeeded', 1]),
  );
  assert.deepEqual(
    images.filter(({ status }) => status !== 202),
    [],
    'Redis is no reason to refuse',
  );
  await assertInvariants(stack);
}

describe('Redis', { concurrency: 3 }, () => {
  it('killed and started again with nothing in it costs no image and no second call', async (t) => {
    const { stack, images } = await fillUp(t);

    await stack.ownRedis.kill();
    images.push(...(await stack.submitMany(2)));
    await stack.ownRedis.startEmpty();

    await assertOneCallEach({ stack, images });
  });

  it('emptied with jobs waiting and active costs no image and no second call', async (t) => {
    const { stack, images } = await fillUp(t);

    await stack.ownRedis.flush();

    await assertOneCallEach({ stack, images });
  });

  it('frozen for longer than a job is locked costs no image and no second call', async (t) => {
    const { stack, images } = await fillUp(t);

    stack.ownRedis.freeze();
    images.push(...(await stack.submitMany(2)));
    await delay(Number(stack.env.JOB_LOCK_MS) * 1.5);
    stack.ownRedis.thaw();

    await assertOneCallEach({ stack, images });
  });

  it('frozen or full holds up no answer to a submit', async (t) => {
    const stack = await startFaultStack(t, { redis: 'own' });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    const images = await stack.submitMany(1);
    const submitInTime = async () => {
      const from = performance.now();
      images.push(...(await stack.submitMany(4)));
      const took = performance.now() - from;
      assert.ok(took < ANSWERED_WITHIN_MS, `it took ${took} ms`);
    };

    stack.ownRedis.freeze();
    await submitInTime();
    // The second round meets a producer that waits for Redis already.
    await submitInTime();
    stack.ownRedis.thaw();
    await stack.ownRedis.setFull(true);
    await submitInTime();
    await stack.ownRedis.setFull(false);

    await assertOneCallEach({ stack, images });
  });

  it('without memory for more while calls run and others wait costs no image and no second call', async (t) => {
    const { stack, images } = await fillUp(t);

    await stack.ownRedis.setFull(true);
    images.push(...(await stack.submitMany(2)));
    const held = heldKeys({ stack, images });
    stack.gemini.release();
    await stack.waitForEnd(...held);
    await delay(Number(stack.env.JOB_LOCK_MS) * 1.5);
    await stack.ownRedis.setFull(false);

    await assertOneCallEach({ stack, images });
  });

  it('killed for longer than a job is locked, and back with all jobs, calls nobody again', async (t) => {
    const { stack, images } = await fillUp(t);
    const held = heldKeys({ stack, images });

    await stack.ownRedis.kill();
    await delay(Number(stack.env.JOB_LOCK_MS) * 1.5);
    // Half of the calls end while it is away, the others go on until after.
    for (const { key } of held.slice(0, SLOTS / 2)) stack.gemini.release(key);
    await stack.waitForEnd(...held.slice(0, SLOTS / 2));
    await stack.ownRedis.start();

    await assertOneCallEach({ stack, images });
  });

  it('away lets a worker leave in order, with what it had in hand', async (t) => {
    const stack = await startFaultStack(t, { redis: 'own' });
    await stack.startApi();
    const worker = await stack.startWorker();
    const image = await stack.submit('[[sim:fault=hold:ok]]');
    await stack.gemini.waitForCall(image.key);
    await stack.ownRedis.kill();
    await worker.waitForLine('redis.away');

    const left = worker.terminate();
    await worker.waitForLine('process.stopping');
    stack.gemini.release(image.key);

    assert.deepEqual(await left, { code: 0, signal: null });
    const [row] = await stack.waitForEnd(image);
    assert.deepEqual([row?.status, stack.gemini.callsOf(image.key).started], ['succeeded', 1]);
    await stack.ownRedis.startEmpty();
    await assertInvariants(stack);
  });
});
