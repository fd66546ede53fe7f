import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createGenerations, type Generations } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTcpProxy, throughProxy } from '../support/tcp-proxy.ts';
import { type Running, startTestStack, type TestStack } from '../support/test-stack.ts';

const SLOTS = 3;
/** What may wait in Redis beyond the slots of the workers. */
const MARGIN = 4;

let stack: TestStack;
let generations: Generations;
let redis: Redis;
let queue: Queue;
let running: Running[] = [];
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  redis = new Redis(stack.env.REDIS_URL ?? '');
  queue = new Queue('generations', { connection: redis, prefix: stack.env.QUEUE_PREFIX ?? '' });
});
afterEach(async () => {
  await Promise.all(running.map((worker) => worker.stop()));
  running = [];
});
after(async () => {
  await queue.close();
  await generations.stop();
  await stack.stop();
  redis.disconnect();
});

async function startWorker(env = {}, log = createLogLines().log) {
  const worker = await stack.startWorker(
    { WORKER_CONCURRENCY: String(SLOTS), SHUTDOWN_GRACE_MS: '200', ...env },
    log,
  );
  running.push(worker);
  return worker;
}

const keysOfPrefix = () => redis.keys(`${stack.env.QUEUE_PREFIX}:*`);
const jobsInRedis = () =>
  queue.getJobs(['waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed']);
const releaseNow = async () => (await stack.supabase.rpc('release_generations')).data.jobs as unknown[];

async function assertOneCallEach(ids: string[]): Promise<void> {
  const rows = await generations.waitForEnds(ids);
  assert.deepEqual(
    rows.map(({ id, status, billable_calls }) => [status, billable_calls, generations.calls(id)]),
    ids.map(() => ['succeeded', 1, 1]),
  );
}

test('a job is named after its row and release, says the same, and leaves nothing in Redis', async () => {
  const id = await generations.submit();
  await generations.waitFor(async () => assert.equal((await jobsInRedis()).length, 1));
  const [job] = await jobsInRedis();

  await startWorker();
  await generations.waitForEnd(id);

  assert.deepEqual([job?.id, job?.data], [`${id}_1`, { id, epoch: 1 }]);
  await generations.waitFor(async () => {
    assert.deepEqual(
      (await keysOfPrefix()).filter((key) => key.includes(id)),
      [],
    );
    assert.deepEqual(await jobsInRedis(), []);
  });
});

test('a row of an idle system starts at once, and not by a timer', async () => {
  await startWorker();
  const waits: number[] = [];
  for (let times = 0; times < 5; times += 1) {
    const idle = createGenerations(stack, { nudges: false });
    const id = await idle.submit();
    const submitted = performance.now();
    await stack.gemini.control.waitForCall(id);
    waits.push(performance.now() - submitted);
    await idle.waitForEnd(id);
    await idle.stop();
  }

  const [, , median = Number.POSITIVE_INFINITY] = waits.toSorted((a, b) => a - b);
  assert.ok(median < 300, `${waits.map(Math.round)} ms`);
});

test('the next waiting row starts when one ends, and not by a timer', async () => {
  await startWorker({ WORKER_CONCURRENCY: '1' });
  const idle = createGenerations(stack, { nudges: false });
  const from = performance.now();

  await idle.waitForEnds(await idle.submitMany(20));

  assert.ok(performance.now() - from < 5_000, `${performance.now() - from} ms`);
  await idle.stop();
});

test('a row that failed starts again when its time has come, though nothing else happens', async () => {
  await startWorker();
  const idle = createGenerations(stack, { nudges: false });

  const row = await idle.waitForEnd(await idle.submit('[[sim:fault=503*2]]'));

  assert.deepEqual([row.status, row.failures], ['succeeded', 2]);
  await idle.stop();
});

test('malformed jobs, unknown ids and jobs of ended rows are dropped, and the queue moves on', async () => {
  const { log, of: linesOf } = createLogLines();
  await startWorker({}, log);
  const ended = await generations.waitForEnd(await generations.submit());
  await queue.addBulk(
    [
      { name: 'generation', data: null },
      { name: 'generation', data: 'text' },
      { name: 'generation', data: { id: 'no uuid', epoch: 1 } },
      { name: 'generation', data: { id: randomUUID(), epoch: 1 } },
      { name: 'another name', data: { id: ended.id, epoch: 1 } },
      ...[1, 2, 3].map(() => ({ name: 'generation', data: { id: ended.id, epoch: 7 } })),
    ].map((job) => ({ ...job, opts: { removeOnComplete: true, removeOnFail: true } })),
  );

  await assertOneCallEach(await generations.submitMany(5));

  assert.equal(linesOf('job.malformed').length, 3);
  assert.equal(generations.calls(ended.id), 1);
  await generations.waitFor(async () => assert.deepEqual(await jobsInRedis(), []));
});

test('a row that is delivered many times at once is called for once', async () => {
  await Promise.all([startWorker(), startWorker()]);
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);
  await queue.addBulk(
    Array.from({ length: 10 }, () => ({
      name: 'generation',
      data: { id, epoch: 1 },
      opts: { removeOnComplete: true },
    })),
  );
  await generations.waitFor(async () => assert.equal(await queue.getWaitingCount(), 0));

  stack.gemini.control.release(id);

  await assertOneCallEach([id]);
});

test('two workers share what there is to do', async () => {
  const workers = await Promise.all([startWorker(), startWorker()]);
  const ids = await generations.submitMany(2 * SLOTS, '[[sim:fault=hold:ok]]');

  await Promise.all(ids.map((id) => stack.gemini.control.waitForCall(id)));
  const shared = await stack.sql<{ worker_id: string; count: number }>(
    `select worker_id, count(*)::int as count from public.generated_images where status = 'processing' group by 1`,
  );
  stack.gemini.control.release();

  assert.deepEqual(
    new Map(shared.map(({ worker_id, count }) => [worker_id, count])),
    new Map(workers.map(({ id }) => [id, SLOTS])),
  );
  await assertOneCallEach(ids);
});

test('Redis holds no more jobs than the slots and a small margin, whatever waits', async () => {
  await startWorker();
  const ids = await generations.submitMany(40, '[[sim:fault=hold:ok]]');
  await generations.waitFor(async () => assert.equal(stack.gemini.control.calls().total.open, SLOTS));

  for (let times = 0; times < 5; times += 1) assert.deepEqual(await releaseNow(), []);
  const most = (await jobsInRedis()).length;

  assert.equal(most, SLOTS + MARGIN);
  await endHeld(ids);
});

test('a Redis that lost everything costs no row and no second call', async () => {
  await startWorker();
  const ids = await generations.submitMany(20, '[[sim:fault=hold:ok]]');
  await generations.waitFor(async () => assert.equal(stack.gemini.control.calls().total.open, SLOTS));

  await redis.del(await keysOfPrefix());

  await endHeld(ids);
});

test('a Redis that is away when a worker starts, and again later, costs no row and no second call', async () => {
  const { hostname: host, port } = new URL(stack.env.REDIS_URL ?? '');
  const proxy = await startTcpProxy({ host, port: Number(port) });
  proxy.cut();
  await startWorker({ REDIS_URL: throughProxy(stack.env.REDIS_URL, proxy) });
  const early = await generations.submitMany(3);
  proxy.restore();
  await assertOneCallEach(early);

  const late = await generations.submitMany(12, '[[sim:fault=hold:ok]]');
  await generations.waitFor(async () => assert.equal(stack.gemini.control.calls().total.open, SLOTS));
  proxy.cut();
  // Again and again, since what the worker has claimed ahead is called when there is a slot.
  await generations.waitFor(async () => {
    stack.gemini.control.release();
    assert.equal(stack.gemini.control.calls().total.open, 0);
  });
  proxy.restore();

  await endHeld(late);
  await Promise.all(running.map((worker) => worker.stop()));
  await proxy.close();
});

/** Lets held calls go, those too that start only now, until all rows have ended with one call each. */
async function endHeld(ids: string[]): Promise<void> {
  const letGo = setInterval(() => stack.gemini.control.release(), 10);
  try {
    await assertOneCallEach(ids);
  } finally {
    clearInterval(letGo);
  }
}
