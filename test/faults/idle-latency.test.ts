import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const SUBMITS = 20;
const APIS = 4;
const EACH = 6;
const ROUNDS = 5;
const TYPICAL_MS = 100;
/** A release, the job's way through Redis and a claim; on a machine that is busy with other things as long as so many calls. */
const CALLS_LONG = 10;

/** No timer releases or reconciles for so long: what starts sooner was woken up. */
const timersEvery = (ms: number) => ({ RELEASE_EVERY_MS: String(ms), RECONCILE_EVERY_MS: String(ms) });

/** How long images waited for their worker, in milliseconds by the database's clock, shortest first. */
async function readWaits({ base }: FaultStack, images: Submitted[]): Promise<number[]> {
  const rows = await base.sql<{ ms: number }>(
    `select extract(epoch from started_at - created_at)::float8 * 1000 as ms
     from public.generated_images where id = any ($1) order by ms`,
    [images.map(({ id }) => id)],
  );
  return rows.map(({ ms }) => ms);
}

/** Milliseconds that one call of the database takes now: what a busy machine makes of everything. */
async function timeOneCall({ base }: FaultStack): Promise<number> {
  const from = performance.now();
  await base.supabase.rpc('get_queue_snapshot');
  return performance.now() - from;
}

const medianOf = (numbers: number[]): number =>
  numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0;

describe('on an idle system', { concurrency: false }, () => {
  it('a submit wakes a worker up, which starts within moments and waits for no timer', async (t) => {
    const stack = await startFaultStack(t);
    const timers = timersEvery(5_000);
    await Promise.all([stack.startApi(), stack.startWorker(timers)]);
    const images: Submitted[] = [];
    const calls: number[] = [];

    for (let nth = 0; nth < SUBMITS; nth += 1) {
      calls.push(await timeOneCall(stack));
      const image = await stack.submit();
      await stack.waitForEnd(image);
      images.push(image);
    }

    const waits = await readWaits(stack, images);
    const bound = Math.max(TYPICAL_MS, CALLS_LONG * medianOf(calls));
    assert.ok(medianOf(waits) < bound, `they waited ${waits.map(Math.round)} ms, of at most ${bound}`);
    assert.ok((waits.at(-1) ?? 0) < 2_500, `they waited ${waits.map(Math.round)} ms`);
    await assertInvariants(stack);
  });

  it('submits of four APIs at once lose no wake-up to one another', async (t) => {
    const stack = await startFaultStack(t);
    const urls = await startFourApis(stack);

    for (let round = 0; round < ROUNDS; round += 1) {
      const images = await submitAtOnce(stack, urls);

      await assertStarted(stack, images);
    }
    await assertInvariants(stack);
  });

  it('submits of four APIs lose no wake-up to a release that was at work before them', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const urls = await startFourApis(stack);
    // The lock that release_generations takes.
    const endRelease = await stack.base.holdOpen('select pg_advisory_xact_lock(727001, 1)');

    const images = await submitAtOnce(stack, urls);
    const before = countReleases(stack);
    await waitFor('every API to ask again', () => countReleases(stack) - before > APIS * 2);
    await endRelease();

    await assertStarted(stack, images);
    await assertInvariants(stack);
  });
});

/** They, and a worker that has room for all they send and does nothing by a timer. */
async function startFourApis(stack: FaultStack): Promise<string[]> {
  const [, ...apis] = await Promise.all([
    stack.startWorker({ ...timersEvery(30_000), WORKER_CONCURRENCY: String(APIS * EACH) }),
    ...Array.from({ length: APIS }, () => stack.startApi()),
  ]);
  return Promise.all(apis.map(async (api) => String((await api.waitForLine('api.started')).url)));
}

/** Their calls are held: a job that ends would release what nobody woke up for. */
function submitAtOnce(stack: FaultStack, urls: string[]): Promise<Submitted[]> {
  const each = urls.flatMap((url) => Array.from({ length: EACH }, () => url));
  return Promise.all(each.map((url) => stack.submit('[[sim:fault=hold:ok]]', { url })));
}

/** All start long before a timer, with none of them ended; then they end. */
async function assertStarted(stack: FaultStack, images: Submitted[]): Promise<void> {
  await Promise.all(images.map(({ key }) => stack.gemini.waitForCall(key)));
  const waits = await readWaits(stack, images);
  assert.ok((waits.at(-1) ?? 0) < 10_000, `they waited ${waits.map(Math.round)} ms`);
  stack.gemini.release();
  await stack.waitForEnd(...images);
}

const countReleases = ({ supabase }: FaultStack) =>
  supabase.requests.filter(({ path }) => path.endsWith('/rpc/release_generations')).length;
