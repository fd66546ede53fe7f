import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { v4 as uuid } from 'uuid';
import type { FaultStack } from '../faults/fault-stack.ts';
import type { Random } from '../support/random.ts';
import type { MakeHarm } from './adversary.ts';
import { authorized, type Callers } from './callers.ts';
import type { Load } from './load.ts';

/** What callers and operators do at the worst moment: cancel, delete, let a deadline pass, deliver twice, pause. */
export function createCallerHarms(
  stack: FaultStack,
  options: { callers: Callers; load: Load; apiUrls: () => string[] },
): MakeHarm[] {
  const { callers, load } = options;
  const { sql } = stack.base;
  const recent = (random: Random) => random.pick(load.accepted.slice(-20));

  const cancel: MakeHarm = (random) => {
    const images = Array.from({ length: 1 + random.below(5) }, () => recent(random)).filter(Boolean);
    const url = random.pick(options.apiUrls());
    return {
      what: `cancel of ${images.length}`,
      run: async () => {
        await Promise.all(
          images.map(async ({ id, caller }) => {
            const headers = authorized(caller);
            // One that meets no API is one more thing that a client has not done.
            await fetch(`${url}/ai/generated-images/${id}/cancel`, { method: 'POST', headers }).catch(
              () => undefined,
            );
          }),
        );
      },
    };
  };
  const deleteRow: MakeHarm = (random) => {
    const image = recent(random);
    return {
      what: 'an image is deleted',
      run: async () => {
        if (!image) return;
        load.forget(({ id }) => id === image.id);
        await sql('delete from public.generated_images where id = $1', [image.id]);
      },
    };
  };
  const deleteUser: MakeHarm = (random) => {
    const user = random.pick(callers.users.filter(({ id }) => id !== null));
    return {
      what: 'a user is deleted, and another comes',
      run: async () => {
        callers.users.splice(callers.users.indexOf(user), 1);
        load.forget(({ caller }) => caller === user);
        await sql('delete from auth.users where id = $1', [user.id]);
        await callers.addUser();
      },
    };
  };
  const deleteDataset: MakeHarm = (random) => ({
    what: 'a dataset is deleted, and another comes',
    run: async () => {
      const [id] = callers.datasets.splice(random.below(callers.datasets.length), 1);
      await sql('delete from public.datasets where id = $1', [id]);
      await callers.addDataset();
    },
  });
  const passDeadline: MakeHarm = (random) => ({
    what: 'the deadlines of three active images pass',
    run: async () => {
      await sql(
        `update public.generated_images set deadline_at = now() where id in (
           select id from public.generated_images where status in ('pending', 'processing')
           order by md5(id::text || $1) limit 3 for update skip locked)`,
        [String(random.below(1_000))],
      );
    },
  });
  const deliverAgain: MakeHarm = (random) => ({
    what: 'jobs of five images, of none, and a malformed one, put into Redis by hand',
    run: async () => {
      const images = Array.from({ length: 5 }, () => recent(random)).filter(Boolean);
      await addByHand(stack, [
        ...images.map(({ id }) => ({ jobId: `${id}_999`, data: { id, epoch: 999 } })),
        { jobId: `${uuid()}_1`, data: { id: uuid(), epoch: 1 } },
        { jobId: uuid(), data: { prompt: 'by hand' } },
      ]);
    },
  });
  const pause: MakeHarm = (random) => {
    const ms = random.below(1_500);
    return {
      what: `operators pause everything for ${ms} ms`,
      run: async () => {
        await sql(
          `insert into public.pauses (scope, until) values ('operator', now() + interval '1 minute')
           on conflict do nothing`,
        );
        await delay(ms);
        await sql(`delete from public.pauses where scope = 'operator'`);
      },
    };
  };
  const often = [cancel, cancel, deleteRow, deleteDataset, passDeadline, deliverAgain, pause];
  return [...often, ...often, deleteUser];
}

type JobByHand = { jobId: string; data: object };

/** Past all that keeps the queue in order; while Redis is away there is nothing to be put into it. */
async function addByHand({ env, ownRedis }: FaultStack, jobs: JobByHand[]): Promise<void> {
  const connection = new Redis(ownRedis.url, { maxRetriesPerRequest: 0, commandTimeout: 1_000 });
  connection.on('error', () => undefined);
  const queue = new Queue('generations', { connection, prefix: env.QUEUE_PREFIX ?? '' });
  queue.on('error', () => undefined);
  const options = { removeOnComplete: true, removeOnFail: true };
  await queue
    .addBulk(jobs.map(({ jobId, data }) => ({ name: 'generation', data, opts: { ...options, jobId } })))
    .catch(() => undefined);
  connection.disconnect();
}
