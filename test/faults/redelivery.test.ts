import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** Puts jobs into Redis by hand, past all that keeps the queue in order, and waits until none is left. */
async function addByHand({ env, monitor }: FaultStack, jobs: { id: string; data: unknown }[], left: number) {
  const connection = new Redis(env.REDIS_URL ?? '');
  const queue = new Queue('generations', { connection, prefix: env.QUEUE_PREFIX ?? '' });
  for (const { id, data } of jobs) {
    await queue.add('generation', data, { jobId: id, removeOnComplete: true, removeOnFail: true });
  }
  await waitFor('the jobs to be done with', async () => (await monitor.jobs()) === left);
  await queue.close();
  connection.disconnect();
}

describe('a queue', { concurrency: 2 }, () => {
  it('that delivers an image again while its call runs starts no second call', async (t) => {
    const stack = await startFaultStack(t);
    await Promise.all([stack.startApi(), stack.startWorker(), stack.startWorker()]);
    const image = await stack.submit('[[sim:fault=hold:ok]]');
    await stack.gemini.waitForCall(image.key);
    const { id } = await image.row();

    const again = [7, 8, 9].map((epoch) => ({ id: `${id}_${epoch}`, data: { id, epoch } }));
    await addByHand(stack, again, 1);
    stack.gemini.release(image.key);

    const [row] = await stack.waitForEnd(image);
    const { started } = stack.gemini.callsOf(image.key);
    assert.deepEqual([row?.status, row?.attempt, started], ['succeeded', 1, 1]);
    await addByHand(stack, [{ id: `${id}_10`, data: { id, epoch: 10 } }], 0);
    assert.equal(stack.gemini.callsOf(image.key).started, 1);
    await assertInvariants(stack);
  });

  it('that holds a malformed job or an unknown image says so and goes on', async (t) => {
    const stack = await startFaultStack(t);
    const [, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const unknown = randomUUID();

    await addByHand(
      stack,
      [
        { id: 'malformed', data: { prompt: 'by hand' } },
        { id: `${unknown}_1`, data: { id: unknown, epoch: 1 } },
      ],
      0,
    );

    assert.equal((await worker.waitForLine('job.malformed')).job_id, 'malformed');
    const [row] = await stack.waitForEnd(await stack.submit());
    assert.equal(row?.status, 'succeeded');
    await assertInvariants(stack);
  });

  it('under load through a rolling restart of its workers loses nothing and pays for nothing twice', async (t) => {
    const stack = await startFaultStack(t);
    const [, ...old] = await Promise.all([stack.startApi(), stack.startWorker(), stack.startWorker()]);
    const images = await stack.submitMany(30, '[[sim:latency=150]]');

    for (const worker of old) {
      const [, end] = await Promise.all([stack.startWorker(), worker.terminate()]);
      assert.deepEqual(end, { code: 0, signal: null });
      images.push(...(await stack.submitMany(10, '[[sim:latency=150]]')));
    }

    const rows = await stack.waitForEnd(...images);
    assert.deepEqual(
      rows.map(({ status, attempt }) => [status, attempt]),
      images.map(() => ['succeeded', 1]),
    );
    await assertInvariants(stack);
  });
});
