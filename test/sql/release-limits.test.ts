import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach, describe } from 'node:test';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem, type Released } from '../support/sql-rows.ts';

type Limits = Record<string, number | null>;
type Limited = Released & { again_in_ms?: number };

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(async () => {
  await generations.clear();
  await change({ max_concurrency: null, max_starts_per_minute: null });
  await fillBucket();
});
after(() => db.close());

const BEGIN = Date.now() + 3_600_000;

const change = async (changes: Limits) =>
  (
    await callFunction<{ before: Limits; after: Limits }>(db.service, 'change_limits', {
      p_changes: JSON.stringify(changes),
    })
  )[0];
const getLimits = async () => (await callFunction<Limits>(db.service, 'get_limits'))[0];
const release = () => generations.release() as Promise<Limited>;
const submitMany = (count: number, lanes = 1) =>
  generations.submit(
    Array.from({ length: count }, (_, index) => newItem({ lane_key: `lane-${index % lanes}` })),
  );
/** As after a while without any start. */
const fillBucket = () =>
  db.sql(`update public.release_rate set starts_left = 1e9, counted_at = now(), call_again_at = '-infinity'`);
/** The clock cannot be turned, so what was counted is put back in time. */
const pass = (seconds: number) =>
  db.sql(
    `update public.release_rate set counted_at = counted_at - make_interval(secs => $1),
       call_again_at = call_again_at - make_interval(secs => $1)`,
    [seconds],
  );
const endAll = () =>
  db.sql(
    `update public.generated_images set status = 'canceled', completed_at = now() where released_at is not null`,
  );

describe('the limit of how many may be out', () => {
  test('holds whatever the slots are, and a row that ends makes room for one', async () => {
    await generations.addWorker({ concurrency: 40 });
    await submitMany(20);
    await change({ max_concurrency: 3 });
    const first = await release();
    const second = await release();
    const id = String(first.jobs[0]?.id);
    const claimId = randomUUID();
    await generations.claim(id, randomUUID(), claimId);
    const whileProcessed = await release();

    await generations.complete(id, claimId);

    assert.deepEqual([first.jobs.length, second.jobs.length, whileProcessed.jobs.length], [3, 0, 0]);
    assert.equal((await release()).jobs.length, 1);
  });

  test('lets what was out before go on, and opens at once when it is raised or taken away', async () => {
    await submitMany(20);
    await release();
    await change({ max_concurrency: 2 });
    const lowered = await release();
    await endAll();
    const underIt = await release();
    await change({ max_concurrency: 3 });
    const raised = await release();
    await change({ max_concurrency: null });

    assert.deepEqual([lowered.jobs.length, underIt.jobs.length, raised.jobs.length], [0, 2, 1]);
    assert.equal((await release()).jobs.length, 1);
  });

  test('does not make more room than there are slots for', async () => {
    await submitMany(10);
    await change({ max_concurrency: 1_000 });

    assert.equal((await release()).jobs.length, 4);
  });

  test('counts for how long others will wait', async () => {
    await generations.addWorker({ concurrency: 40 });
    await generations.kill(await generations.addWorker({ concurrency: 50 }));
    const slots = async () =>
      (await callFunction<{ slots: number }>(db.service, 'get_queue_snapshot'))[0]?.slots;
    const unlimited = await slots();
    await change({ max_concurrency: 3 });

    assert.deepEqual([unlimited, await slots()], [40, 3]);
  });
});

describe('the limit of how many may start in a minute', () => {
  test('lets one second’s worth go at once, and says when the next may', async () => {
    await generations.addWorker({ concurrency: 100 });
    await submitMany(60);
    await change({ max_starts_per_minute: 600 });

    // In one statement: between two, a busy machine lets the next start come.
    const [row] = await db.sql<{ answers: Awaited<ReturnType<typeof release>>[] }>(
      'select jsonb_build_array(public.release_generations(), public.release_generations()) as answers',
    );
    const [first, second] = row?.answers ?? [];
    assert.ok(first && second);

    assert.deepEqual([first.jobs.length, second.jobs.length], [11, 0]);
    assert.ok(
      first.again_in_ms && first.again_in_ms >= 100 && first.again_in_ms <= 110,
      `${first.again_in_ms}`,
    );
    assert.equal(second.again_in_ms, undefined, 'two callers were told to come back');
    // 9.8 come in a second, and 9 in less: the rest is for a machine that is slow between the statements.
    await pass(0.92);
    assert.equal((await release()).jobs.length, 9);
  });

  for (const rate of [1, 7, 59, 60, 61, 600]) {
    test(`is ${rate} in any 60 seconds, and nearly so many without end`, async () => {
      const stepMs = Math.floor(Math.min(1_000, 60_000 / rate / 4));
      const starts: { at: number; n: number }[] = [];
      for (let at = 0; at < 75_000; at += stepMs) starts.push({ at, n: await startAll(rate, at) });

      const within = (from: number, to: number) =>
        starts.filter(({ at }) => at >= from && at < to).reduce((sum, { n }) => sum + n, 0);
      for (const { at } of starts) {
        const n = within(at, at + 60_000);
        assert.ok(n <= rate, `${n} from ${at} ms on`);
      }
      assert.ok(within(0, 75_000) >= rate, `${within(0, 75_000)} in 75 s`);
    });
  }

  /** What may start by the rate alone, after so many milliseconds: the two steps of a release, which take the time. */
  async function startAll(rate: number, ms: number): Promise<number> {
    const at = new Date(BEGIN + ms);
    const [left = 0] = await callFunction<number>(db.service, 'starts_left', { p_rate: rate, p_at: at });
    const used = Math.floor(left);
    await callFunction(db.service, 'count_starts', { p_rate: rate, p_at: at, p_left: left, p_used: used });
    return used;
  }

  test('holds over many callers at once', async () => {
    await generations.addWorker({ concurrency: 100 });
    await submitMany(80, 8);
    await change({ max_starts_per_minute: 300 });
    const jobs: string[] = [];
    const call = async () => {
      for (let n = 0; n < 10; n += 1) jobs.push(...(await release()).jobs.map(({ id }) => id));
    };

    const began = performance.now();
    await Promise.all(Array.from({ length: 8 }, call));
    const seconds = (performance.now() - began) / 1_000;

    assert.ok(jobs.length >= 6 && jobs.length <= 6 + 5 * seconds, `${jobs.length} in ${seconds} s`);
    assert.equal(new Set(jobs).size, jobs.length);
  });

  test('tells another caller when the one that was to come back did not', async () => {
    await submitMany(4);
    await change({ max_starts_per_minute: 1 });
    const first = await release();
    await db.sql(`update public.release_rate set call_again_at = clock_timestamp()`);

    const second = await release();

    assert.deepEqual([first.jobs.length, second.jobs.length], [1, 0]);
    assert.ok(first.again_in_ms && first.again_in_ms > 59_000 && first.again_in_ms <= 60_000);
    assert.ok(second.again_in_ms && second.again_in_ms <= first.again_in_ms);
  });

  test('is no longer there once it is taken away', async () => {
    await submitMany(4);
    await change({ max_starts_per_minute: 1 });
    await release();

    await change({ max_starts_per_minute: null });

    assert.deepEqual(Object.keys(await release()).sort(), ['contended', 'jobs']);
    assert.deepEqual(await release(), { contended: false, jobs: [] });
  });

  test('costs nothing of what was not used', async () => {
    await change({ max_starts_per_minute: 60 });
    await release();
    await submitMany(4);

    assert.equal((await release()).jobs.length, 2);
  });
});

describe('changing limits', () => {
  test('changes what is named, and tells what was', async () => {
    const before = await getLimits();

    const answer = await change({ max_pending: 5, max_concurrency: 7 });

    assert.deepEqual(answer, { before, after: { ...before, max_pending: 5, max_concurrency: 7 } });
    assert.deepEqual(await getLimits(), answer?.after);
    await change({ max_pending: 20_000 });
  });

  for (const [changes, code] of [
    [{ max_concurrency: 0 }, '23514'],
    [{ max_concurrency_per_caller: 0 }, '23514'],
    [{ max_starts_per_minute: -1 }, '23514'],
    [{ max_failures: 0 }, '23514'],
    [{ max_pending: null }, '23502'],
    [{ lease: 1 }, '22023'],
  ] as [Limits, string][]) {
    test(`refuses ${JSON.stringify(changes)} and leaves the others`, async () => {
      const before = await getLimits();

      assert.equal(await errorCode(change({ max_pending: 9, ...changes })), code);

      assert.deepEqual(await getLimits(), before);
    });
  }
});
