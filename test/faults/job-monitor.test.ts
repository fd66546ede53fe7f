import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { type FaultStack, startFaultStack } from './fault-stack.ts';

type Job = { id: string; epoch: number };

/** Five workers of four slots and what a release makes of them, gone before anybody else could have seen them. */
async function releaseInOneMoment({ base }: FaultStack): Promise<Job[]> {
  await base.sql(`
    create function public.release_in_one_moment() returns jsonb language plpgsql as $$
    declare v_answer jsonb;
    begin
      -- That of release_generations, which answers nothing while another release has it.
      perform pg_advisory_xact_lock(727001, 1);
      insert into public.workers (id, host, concurrency) select gen_random_uuid(), 'gone', 4 from generate_series(1, 5);
      v_answer := public.release_generations(1000);
      delete from public.workers;
      return v_answer;
    end $$`);
  const [row] = await base.sql<{ answer: { jobs: Job[] } }>(
    'select public.release_in_one_moment() as answer',
  );
  return row?.answer.jobs ?? [];
}

async function putIntoRedis({ env }: FaultStack, jobs: Job[]): Promise<void> {
  const connection = new Redis(env.REDIS_URL ?? '');
  const queue = new Queue('generations', { connection, prefix: env.QUEUE_PREFIX ?? '' });
  await queue.addBulk(
    jobs.map((job) => ({ name: 'generation', data: job, opts: { jobId: `${job.id}_${job.epoch}` } })),
  );
  await queue.close();
  connection.disconnect();
}

describe('the checker of what Redis holds', () => {
  it('counts slots that were there for a moment only, and no job above them', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    await stack.submitMany(62);
    const released = await releaseInOneMoment(stack);
    const [out] = await stack.base.sql<{ count: number }>(
      'select count(*)::int from public.generated_images where released_at is not null',
    );
    // The API may have filled the room for four that there is without a worker.
    assert.equal(out?.count, 60);

    await putIntoRedis(stack, released);
    await stack.monitor.sample();
    assert.deepEqual(stack.monitor.crowds(), []);

    const [late] = await stack.base.sql<Job>(
      `update public.generated_images set released_at = now(), release_epoch = release_epoch + 1
       where id = (select id from public.generated_images where released_at is null limit 1)
       returning id, release_epoch as epoch`,
    );
    await putIntoRedis(stack, late ? [late] : []);
    await stack.monitor.sample();
    assert.match(stack.monitor.crowds().join(), /61 of them to do, with 20 slots/);
  });
});
