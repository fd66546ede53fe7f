import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createGenerations, type Generations, MODEL } from '../support/generations.ts';
import { type Scrape, scrape } from '../support/metrics.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

const CALLS = 'darkroom_gemini_call_duration_seconds_count';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

async function withWorker(work: (url: string) => Promise<void>, env: Record<string, string> = {}) {
  const { url, stop } = await stack.startWorker({ WORKER_PORT: '0', ...env });
  try {
    await work(String(url));
  } finally {
    await stop();
  }
}
/** The row ends a moment before its attempt is counted. */
const untilCounted = (url: string, outcome: string, times = 1): Promise<Scrape> =>
  waitFor(`${times} ${outcome}`, async () => {
    const metrics = await scrape(url);
    return metrics.value('darkroom_attempts_total', { outcome }) === times && metrics;
  });

test('images that are made are counted with their times, calls, tokens and cost', async () => {
  await withWorker(async (url) => {
    const rows = await generations.waitForEnds(await generations.submitMany(3));
    const metrics = await untilCounted(url, 'succeeded', 3);

    for (const name of ['queue_duration', 'upload_duration', 'duration'])
      assert.equal(metrics.value(`darkroom_image_${name}_seconds_count`), 3, name);
    assert.equal(metrics.value(CALLS, { model: MODEL, outcome: 'ok' }), 3);
    const spent = rows.reduce((sum, { cost_usd: cost }) => sum + Number(cost), 0);
    const reported = metrics.value('darkroom_gemini_cost_usd_total', { model: MODEL, basis: 'reported' });
    assert.ok(Math.abs(Number(reported) - spent) < 1e-9, `${reported} and ${spent}`);
    const output = rows.reduce((sum, { usage }) => sum + Number(usage?.output_tokens), 0);
    assert.equal(metrics.value('darkroom_gemini_tokens_total', { direction: 'output' }), output);
    assert.equal(
      metrics.value('darkroom_storage_duration_seconds_count', { operation: 'upload_image', outcome: 'ok' }),
      3,
    );
    assert.ok(Number(metrics.value('darkroom_steps_total', { step: 'release', outcome: 'ok' })) > 0);
  });
});

test('attempts are counted by what became of them and why', async () => {
  await withWorker(async (url) => {
    await generations.waitForEnd(await generations.submit('[[sim:fault=finish:SAFETY]]'));
    await generations.waitForEnd(await generations.submit('[[sim:fault=503*2]]'));

    const metrics = await untilCounted(url, 'retried', 2);

    const count = (outcome: string, code: string) =>
      metrics.value('darkroom_attempts_total', { outcome, code });
    assert.equal(count('failed', 'content_blocked'), 1);
    assert.equal(count('retried', 'upstream_error'), 2);
    assert.equal(metrics.value(CALLS, { outcome: 'upstream_error' }), 2);
  });
});

test('a call that may have been billed without a report counts with its list price', async () => {
  await withWorker(
    async (url) => {
      await generations.waitForEnd(await generations.submit('[[sim:fault=hang*1]]'));

      const metrics = await untilCounted(url, 'retried');

      assert.equal(metrics.value(CALLS, { outcome: 'upstream_timeout' }), 1);
      assert.equal(metrics.value('darkroom_gemini_cost_usd_total', { basis: 'estimated' }), 0.0336);
    },
    { GEMINI_TIMEOUT_MS: '300' },
  );
});

test('attempts that are canceled, and those that a quota holds, are told apart', async () => {
  await withWorker(async (url) => {
    const id = await generations.submit('[[sim:fault=hold:ok]]');
    await stack.gemini.control.waitForCall(id);
    await stack.supabase.rpc('cancel_generation', { p_id: id, p_user_id: null, p_admin: true });
    await untilCounted(url, 'canceled');
    await generations.waitForEnd(await generations.submit('[[sim:fault=429-minute:1s*1]]'));

    const metrics = await untilCounted(url, 'held');

    assert.equal(metrics.value('darkroom_attempts_total', { code: 'upstream_rate_limited' }), 1);
    assert.equal(metrics.value(CALLS, { outcome: 'stopped' }), 1);
  });
});
