import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createGenerations, type Generations } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let redis: Redis;
let queue: Queue;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  redis = new Redis(stack.env.REDIS_URL ?? '');
  queue = new Queue('generations', { connection: redis, prefix: stack.env.QUEUE_PREFIX ?? '' });
});
afterEach(() => stack.sql('delete from public.pauses'));
after(async () => {
  await queue.close();
  await generations.stop();
  await stack.stop();
  redis.disconnect();
});

test('a worker that has room and takes no job, though there is one, says that it is stuck', async () => {
  // What a deaf worker sees: a queue that hands out nothing.
  await queue.pause();
  const id = await generations.submit();
  const { log, of } = createLogLines();

  const stuck = Promise.withResolvers<void>();
  const worker = await stack.startWorker({ STUCK_AFTER_MS: '600' }, log, stuck.resolve);
  await stuck.promise;

  assert.ok(Number(of('worker.stuck')[0]?.quiet_ms) >= 600);
  await queue.resume();
  assert.equal((await generations.waitForEnd(id)).status, 'succeeded');
  await worker.stop();
});

test('rows count as stuck only once they are out for long, may run and are not paused', async () => {
  const isStuck = async () =>
    (await stack.supabase.rpc('has_stuck_release', { p_older_than_ms: 60_000 })).data;
  const id = await generations.submit();
  await stack.supabase.rpc('release_generations');
  assert.equal(await isStuck(), false);

  await stack.sql(
    `update public.generated_images set released_at = now() - interval '2 minutes' where id = $1`,
    [id],
  );
  assert.equal(await isStuck(), true);

  await stack.sql(`select public.hold_calls('operator', 600, 'test')`);
  assert.equal(await isStuck(), false);
  await stack.sql('delete from public.pauses');

  await stack.sql('update public.generated_images set deadline_at = now() where id = $1', [id]);
  assert.equal(await isStuck(), false);
});
