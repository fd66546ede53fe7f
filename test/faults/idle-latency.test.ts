import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const SUBMITS = 20;
const APIS = 4;
const EACH = 6;
const ROUNDS = 5;
const TYPICAL_MS = 100;

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

describe('on an idle system', { concurrency: false }, () => {
  it('a submit wakes a worker up, which starts within a tenth of a second and waits for no timer', async (t) => {
    const stack = await startFaultStack(t);
    const timers = timersEvery(5_000);
    await Promise.all([stack.startApi(), stack.startWorker(timers)]);
    const images: Submitted[] = [];

    for (let nth = 0; nth < SUBMITS; nth += 1) {
      const image = await stack.submit();
      await stack.waitForEnd(image);
      images.push(image);
    }

    const waits = await readWaits(stack, images);
    const median = waits[SUBMITS / 2] ?? Number.POSITIVE_INFINITY;
    assert.ok(median < TYPICAL_MS, `they waited ${waits.map(Math.round)} ms`);
    assert.ok((waits.at(-1) ?? 0) < 2_500, `they waited ${waits.map(Math.round)} ms`);
    await assertInvariants(stack);
  });

  it('submits of four APIs at once lose no wake-up to one another', async (t) => {
    const stack = await startFaultStack(t);
    const [, ...apis] = await Promise.all([
      stack.startWorker({ ...timersEvery(30_000), WORKER_CONCURRENCY: String(APIS * EACH) }),
      ...Array.from({ length: APIS }, () => stack.startApi()),
    ]);
    const urls = await Promise.all(
      apis.map(async (api) => String((await api.waitForLine('api.started')).url)),
    );

    for (let round = 0; round < ROUNDS; round += 1) {
      const images = await submitAtOnce(stack, urls);

      const waits = await readWaits(stack, images);
      assert.ok((waits.at(-1) ?? 0) < 10_000, `they waited ${waits.map(Math.round)} ms`);
      stack.gemini.release();
      await stack.waitForEnd(...images);
    }
    await assertInvariants(stack);
  });
});

/** Resolves when all are in their calls, which are held: a job that ends would release those that nobody woke up for. */
async function submitAtOnce(stack: FaultStack, urls: string[]): Promise<Submitted[]> {
  const each = urls.flatMap((url) => Array.from({ length: EACH }, () => url));
  const images = await Promise.all(each.map((url) => stack.submit('[[sim:fault=hold:ok]]', { url })));
  await Promise.all(images.map(({ key }) => stack.gemini.waitForCall(key)));
  return images;
}
