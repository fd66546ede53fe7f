import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type FaultStackOptions, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** What PostgREST answers while its database is away; of these the processes know that they may ask again. */
const AWAY = new Set(['503 PGRST001', '503 PGRST002', '503 57P01']);

type Busy = { stack: FaultStack; images: Submitted[] };

/** Two workers are in calls that are held: all that Postgres must not take from them while it is away. */
async function startCalls(
  t: Parameters<typeof startFaultStack>[0],
  options: FaultStackOptions,
): Promise<Busy> {
  const stack = await startFaultStack(t, options);
  const workers = { WORKER_CONCURRENCY: '2' };
  await Promise.all([stack.startApi(), stack.startWorker(workers), stack.startWorker(workers)]);
  const images = await stack.submitMany(4, '[[sim:fault=hold:ok]]');
  await Promise.all(images.map(({ key }) => stack.gemini.waitForCall(key)));
  return { stack, images };
}

/** Asks all the time until `signal` aborts; resolves with every way in which that was refused. */
async function collectRefusals({ base }: FaultStack, signal: AbortSignal): Promise<string[]> {
  const refusals = new Set<string>();
  while (!signal.aborted) {
    const { error, status } = await base.supabase.rpc('get_queue_snapshot');
    if (error) refusals.add(`${status} ${error.code}`);
  }
  return [...refusals];
}

/** Resolves when a call gets no connection. One that gets its own waits for the lock on it, also when nobody waits for the answer. */
async function exhaustPool({ base }: FaultStack): Promise<void> {
  await waitFor('a call that gets no connection', async () => {
    const call = base.supabase.rpc('get_queue_snapshot').abortSignal(AbortSignal.timeout(1_000));
    return (await call).error?.code === 'PGRST003';
  });
}

/** All that were accepted end as images made by one call. */
async function assertOneCallEach({ stack, images }: Busy): Promise<void> {
  const accepted = images.filter(({ status }) => status === 202);
  const rows = await stack.waitForEnd(...accepted);
  assert.deepEqual(
    rows.map(({ status }, index) => [status, stack.gemini.callsOf(accepted[index]?.key ?? '').started]),
    accepted.map(() => ['succeeded', 1]),
  );
  await assertInvariants(stack);
}

describe('Postgres', { concurrency: 3 }, () => {
  const absences: [howLong: string, ms: number][] = [
    ['a second', 1_000],
    ['twice the lease', 6_000],
  ];
  for (const [howLong, ms] of absences) {
    it(`killed while calls run and back after ${howLong} has lost nothing, and nobody was robbed`, async (t) => {
      const { stack, images } = await startCalls(t, { postgres: 'own' });

      const back = new AbortController();
      t.after(() => back.abort());
      const refusals = collectRefusals(stack, back.signal);
      await stack.ownPostgres.kill();
      const [early, late] = [images.slice(0, 2), images.slice(2)];
      for (const { key } of early) stack.gemini.release(key);
      const [more] = await Promise.all([stack.submitMany(2), delay(ms).then(stack.ownPostgres.start)]);
      await stack.waitForEnd(...early);
      back.abort();
      for (const { key } of late) stack.gemini.release(key);

      await assertOneCallEach({ stack, images: [...images, ...more] });
      const unlikePostgrest = (await refusals).filter((told) => !AWAY.has(told));
      assert.deepEqual(unlikePostgrest, []);
    });
  }

  it('with all connections busy for longer than the lease has lost nothing, and nobody was robbed', async (t) => {
    const { stack, images } = await startCalls(t, { gateway: { poolSize: 4, acquireTimeoutMs: 300 } });
    const letGo = await stack.base.holdOpen('lock table public.generated_images in access exclusive mode');

    const more = await exhaustPool(stack)
      .then(async () => {
        for (const { key } of images.slice(0, 2)) stack.gemini.release(key);
        const sent = stack.submitMany(2);
        await delay(stack.leaseMs * 1.2);
        return { sent };
      })
      .finally(letGo);
    images.push(...(await more.sent));
    for (const { key } of images.slice(2)) stack.gemini.release(key);

    await assertOneCallEach({ stack, images });
  });
});
