import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { scrape } from '../support/metrics.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertProblem, createApiClient, IMAGES, UNKNOWN_ID } from './api-client.ts';

const DURATION = 'darkroom_http_request_duration_seconds_count';
const HELD = 'darkroom_http_held_duration_seconds_count';
const TOKEN = 'a-token-for-prometheus';

let stack: TestStack;
before(async () => {
  stack = await startTestStack();
  await stack.supabase.storage.createBucket('generated-images', { public: true });
});
after(() => stack.stop());

async function start(env: Record<string, string> = {}) {
  const { url } = await stack.startApi(env);
  return { url, api: createApiClient(url), scrape: () => scrape(url) };
}
/** The next reading of the queue is a new one. */
const age = () => stack.sql(`update public.queue_gauges set taken_at = taken_at - interval '1 minute'`);

describe('requests', { concurrency: true }, () => {
  it('are counted by method, template of the route and class of status', async () => {
    const { api, scrape } = await start();
    const { id } = await api.submit();
    await api.read(id);
    await api.read(UNKNOWN_ID);
    await api.generate({ prompt: '' });
    await api.send('PUT', `${IMAGES}/${id}`);

    const metrics = await scrape();

    const route = '/ai/generated-images/{id}';
    const counts = [
      { method: 'POST', route: '/ai/generate', status: '2xx' },
      { method: 'POST', route: '/ai/generate', status: '4xx' },
      { method: 'GET', route, status: '2xx' },
      { method: 'GET', route, status: '4xx' },
      { method: 'PUT', route, status: '4xx' },
    ].map((labels) => metrics.value(DURATION, labels));
    assert.deepEqual(counts, [1, 1, 1, 1, 1]);
    assert.ok(!metrics.text.includes(id));
  });

  it('for paths, methods and codes that nobody knows make no labels of their own', async () => {
    const { url, api, scrape } = await start();
    for (let n = 0; n < 5; n++) await api.get(`/nothing-${n}`);
    await api.get('/ai/%E0%A4%A');
    await fetch(`${url}/ai/generate`, { method: 'PROPFIND' });

    const metrics = await scrape();

    assert.equal(metrics.value(DURATION, { route: 'none', status: '4xx' }), 6);
    assert.deepEqual(metrics.labelValues(DURATION, 'method'), ['GET', 'other']);
    assert.deepEqual(metrics.labelValues(DURATION, 'route'), ['/ai/generate', 'none']);
    assert.equal(metrics.value('darkroom_http_refusals_total', { code: 'not_found' }), 6);
    assert.equal(metrics.value('darkroom_http_refusals_total', { code: 'method_not_allowed' }), 1);
  });

  it('that are held with Prefer: wait are timed apart, and open meanwhile', async () => {
    const { api, scrape } = await start();
    const { id } = await api.submit();
    const polling = api.get(`${IMAGES}/${id}`, { prefer: 'wait=20' });
    // The scrape itself is the other one.
    await waitFor('the poll', async () => (await scrape()).value('darkroom_http_requests_open') === 2);
    await api.send('POST', `${IMAGES}/${id}/cancel`);
    await polling;

    const metrics = await scrape();

    const labels = { method: 'GET', route: '/ai/generated-images/{id}' };
    assert.deepEqual([metrics.value(DURATION, labels), metrics.value(HELD, labels)], [null, 1]);
  });

  it('whose clients go away are aborted ones', async () => {
    const { url, api, scrape } = await start();
    const { id } = await api.submit();
    const gone = new AbortController();
    const polling = fetch(`${url}${IMAGES}/${id}`, { headers: { prefer: 'wait=20' }, signal: gone.signal });
    await waitFor('the poll', async () => (await scrape()).value('darkroom_http_requests_open') === 2);
    gone.abort();
    await assert.rejects(polling);

    await waitFor('the end', async () => (await scrape()).value(HELD, { status: 'aborted' }) === 1);
  });

  it('that are refused by a limit are counted, and those that pass without Redis', async () => {
    const limited = await start({ RATE_LIMIT_SUBMIT: '1', RATE_LIMIT_PATIENCE_MS: '10000' });
    const user = createApiClient(limited.url, (await stack.createUser()).token);
    const statuses = [await user.generate({ prompt: 'a' }), await user.generate({ prompt: 'a' })];
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [202, 429],
    );
    const passing = await start({ REDIS_URL: 'redis://127.0.0.1:1' });
    await passing.api.submit();

    assert.equal((await limited.scrape()).value('darkroom_http_refusals_total', { code: 'rate_limited' }), 1);
    assert.equal((await passing.scrape()).value('darkroom_rate_limit_uncounted_total'), 1);
    assert.equal((await limited.scrape()).value('darkroom_rate_limit_uncounted_total'), 0);
  });
});

describe('a scrape', () => {
  it('tells the queue, and what was done with it', async () => {
    await stack.sql('delete from public.generated_images');
    await stack.sql('delete from public.lanes');
    const { api, scrape } = await start();
    await api.submit();
    await waitFor('the release', async () => (await scrape()).value('darkroom_release_batch_images_count'));
    await age();
    await stack.sql(`insert into public.pauses (scope, until)
      values ('model:nobody-knows-it', now() + interval '1 hour'), ('project', now())`);

    const metrics = await waitFor('a new reading', async () => {
      const now = await scrape();
      return now.value('darkroom_pause_remaining_seconds') !== null && now;
    });

    assert.equal(metrics.value('darkroom_images', { status: 'pending' }), 1);
    assert.equal(metrics.value('darkroom_images', { status: 'processing' }), 0);
    assert.equal(metrics.value('darkroom_images_released'), 1);
    assert.equal(metrics.value('darkroom_workers'), 0);
    assert.deepEqual(metrics.labelValues('darkroom_pause_remaining_seconds', 'scope'), [
      'model:other',
      'project',
    ]);
    assert.equal(metrics.value('darkroom_submitted_images_total', { outcome: 'created' }), 1);
    assert.ok(
      Number(metrics.value('darkroom_rpc_duration_seconds_count', { function: 'submit_generations' })) > 0,
    );
    assert.ok(Number(metrics.value('nodejs_eventloop_lag_p99_seconds')) >= 0);
    assert.equal(metrics.value('darkroom_dependency_up'), 3);
  });

  it('leaves out the queue while the database is away, instead of telling what it was', async () => {
    const { scrape } = await start({ SUPABASE_URL: 'http://127.0.0.1:1' });

    const metrics = await scrape();

    for (const name of ['darkroom_images', 'darkroom_workers', 'darkroom_oldest_pending_age_seconds'])
      assert.equal(metrics.value(name), null, name);
    assert.equal(metrics.value('darkroom_dependency_up', { dependency: 'database' }), 0);
    assert.equal(metrics.value('darkroom_dependency_up', { dependency: 'storage' }), 0);
    assert.ok(Number(metrics.value('darkroom_rpc_duration_seconds_count', { outcome: 'unclear' })) > 0);
  });

  it('that comes with many others asks the database once a second', async () => {
    const { scrape } = await start();
    const from = performance.now();

    const scrapes = await Promise.all(Array.from({ length: 20 }, scrape));

    const seconds = Math.floor((performance.now() - from) / 1_000);
    const asked = scrapes.map(({ value }) =>
      Number(value('darkroom_rpc_duration_seconds_count', { function: 'get_queue_gauges' })),
    );
    assert.ok(Math.min(...asked) === 1 && Math.max(...asked) <= 1 + seconds, `${asked} in ${seconds} s`);
  });

  it('needs the token where one is set, and the right one', async () => {
    const { url, api } = await start({ METRICS_TOKEN: TOKEN });

    assertProblem(await api.get('/metrics'), 401, 'unauthorized');
    for (const wrong of [`${TOKEN}x`, TOKEN.slice(1), stack.serviceRoleKey])
      assert.equal((await createApiClient(url, wrong).get('/metrics')).status, 401);
    assert.equal((await createApiClient(url, TOKEN).get('/metrics')).status, 200);
    assert.ok((await scrape(url, TOKEN)).value('darkroom_workers') !== null);
  });
});
