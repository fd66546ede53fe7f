import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type ApiClient, assertProblem, createApiClient, type Json, pointersOf } from './api-client.ts';
import { captureLog } from './log-capture.ts';

const MODEL = 'gemini-3-pro-image';
const SMALL = 'A harbour [[sim:bytes=1024]]';

let stack: TestStack;
let url: string;
let admin: ApiClient;
let user: { id: string; token: string; api: ApiClient };
const log = captureLog();
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi({}, log.log));
  admin = createApiClient(url, stack.serviceRoleKey);
  const made = await stack.createUser();
  user = { ...made, api: createApiClient(url, made.token) };
});
after(() => stack.stop());
beforeEach(async () => {
  await stack.sql('delete from public.pauses');
  await send('PATCH', '/admin/limits', { max_concurrency: null, max_starts_per_minute: null });
  log.lines.length = 0;
});

const send = (method: string, path: string, body: unknown = {}) =>
  admin.send(method, path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const post = (action: string, body?: unknown) => send('POST', `/admin/queue/${action}`, body);
const brief = ({ body }: { body: Json }) =>
  body.pauses.map(({ by, model, state }: Json) => `${by} ${model ?? 'all'} ${state}`);
const actorIsKnown = (line: Json) => typeof line.request_id === 'string' && /127\.0\.0\.1/.test(line.address);

describe('pausing', () => {
  it('holds what comes, which is taken all the same, until somebody resumes; without a restart', async () => {
    const worker = await stack.startWorker();
    const paused = await post('pause', { reason: 'maintenance' });
    const { id } = await user.api.submit({ prompt: SMALL });
    for (let n = 0; n < 5; n += 1) await stack.supabase.rpc('release_generations');
    const whilePaused = (await user.api.read(id)).body.status;

    const resumed = await post('resume');

    assert.deepEqual([brief(paused), whilePaused, brief(resumed)], [['operator all paused'], 'pending', []]);
    assert.equal((await waitForEnd(url, id, user.token)).status, 'succeeded');
    await worker.stop();
  });

  it('may be repeated, and told with its end and its reason', async () => {
    const until = '2100-01-01T02:00:00+02:00';
    await post('pause', { model: MODEL, reason: 'one' });
    await post('pause', { model: MODEL, reason: 'two', until });

    const { body } = await admin.get('/admin/queue');

    assert.equal(body.pauses.length, 1);
    assert.partialDeepStrictEqual(body.pauses[0], {
      scope: 'model',
      model: MODEL,
      by: 'operator',
      state: 'paused',
      reason: 'two',
      until: '2100-01-01T00:00:00.000Z',
    });
  });

  it('lifts what the same model set; holds go on waiting unless asked', async () => {
    await stack.supabase.rpc('hold_calls', { p_scope: 'project', p_seconds: 600, p_reason: 'misconfigured' });
    await post('pause', { model: MODEL });
    await post('pause');

    const answers = [
      brief(await post('resume')),
      brief(await post('resume', { model: MODEL })),
      brief(await post('resume', { holds: true })),
    ];

    assert.deepEqual(answers, [
      [`operator ${MODEL} paused`, 'quota all paused'],
      ['quota all paused'],
      ['quota all probing'],
    ]);
  });

  it('refuses an end that is past, a model that is unknown, and what it does not know', async () => {
    const refused = [
      await post('pause', { until: '2001-01-01T00:00:00Z' }),
      await post('pause', { until: '0000-01-01T00:00:00Z' }),
      await post('pause', { until: 'soon', model: 'no-such-model', reason: '' }),
      await post('pause', { model: 'no-such-model' }),
      await post('resume', { all: true }),
    ];

    assert.deepEqual(refused.map(pointersOf), [
      ['/until'],
      ['/until'],
      ['/reason', '/until'],
      ['/model'],
      ['/all'],
    ]);
    assert.deepEqual((await admin.get('/admin/queue')).body.pauses, []);
  });

  it('is logged with who did it', async () => {
    await post('pause', { model: MODEL, reason: 'maintenance' });
    await post('resume', { model: MODEL });

    const [paused, resumed] = [await log.line('queue.paused'), await log.line('queue.resumed')];
    assert.partialDeepStrictEqual(paused, { model: MODEL, reason: 'maintenance' });
    assert.partialDeepStrictEqual(resumed, { model: MODEL, holds: false });
    assert.ok(actorIsKnown(paused) && actorIsKnown(resumed));
  });
});

describe('limits', () => {
  it('are read, changed one by one, and taken away', async () => {
    const { body: before } = await admin.get('/admin/limits');

    const changed = await send('PATCH', '/admin/limits', { max_concurrency: 3, max_starts_per_minute: 60 });
    const each = await send('PATCH', '/admin/limits', { max_concurrency_per_caller: 2 });
    const taken = await send('PATCH', '/admin/limits', {
      max_concurrency_per_caller: null,
      max_starts_per_minute: null,
    });

    assert.deepEqual(before, {
      max_concurrency: null,
      max_concurrency_per_caller: null,
      max_starts_per_minute: null,
      max_pending: 20_000,
      max_failures: 5,
      max_billable_calls: 2,
    });
    assert.deepEqual(changed.body, { ...before, max_concurrency: 3, max_starts_per_minute: 60 });
    assert.deepEqual(each.body, { ...changed.body, max_concurrency_per_caller: 2 });
    assert.deepEqual(taken.body, { ...before, max_concurrency: 3 });
    assert.deepEqual((await admin.get('/admin/limits')).body, taken.body);
  });

  it('hold at once for submits, too', async () => {
    await user.api.submit();
    await send('PATCH', '/admin/limits', { max_pending: 0 });

    const refused = await user.api.generate({ prompt: 'A fox' });
    await send('PATCH', '/admin/limits', { max_pending: 20_000 });

    assertProblem(refused, 429, 'queue_full');
    assert.match(refused.body.detail, /policy "pending"/);
  });

  it('refuse what is none, every bad one at once, and change nothing', async () => {
    const { body: before } = await admin.get('/admin/limits');

    const refused = await send('PATCH', '/admin/limits', {
      max_concurrency: 0,
      max_concurrency_per_caller: 0,
      max_starts_per_minute: 1.5,
      max_pending: null,
      max_failures: '5',
      lease: 1,
    });

    assert.equal(refused.status, 422);
    assert.deepEqual(pointersOf(refused), [
      '/lease',
      '/max_concurrency',
      '/max_concurrency_per_caller',
      '/max_failures',
      '/max_pending',
      '/max_starts_per_minute',
    ]);
    assert.deepEqual((await admin.get('/admin/limits')).body, before);
  });

  it('are logged with what they were and who changed them', async () => {
    await send('PATCH', '/admin/limits', { max_concurrency: 9 });

    const line = await log.line('limits.changed');
    assert.deepEqual([line.before.max_concurrency, line.after.max_concurrency], [null, 9]);
    assert.ok(actorIsKnown(line));
  });
});

describe('workers', () => {
  it('are listed while they live, and draining, and dead', async () => {
    const worker = await stack.startWorker({ WORKER_CONCURRENCY: '3', WORKER_HOST: 'here' });
    await stack.sql(`insert into public.workers (id, host, concurrency, beat_at)
      values ('0d2cbb8c-9f0e-4f0e-8a55-2b8c51ad2b10', 'there', 5, now() - interval '1 hour')`);

    const { body } = await admin.get('/admin/workers');
    await worker.stop();
    const { body: later } = await admin.get('/admin/workers');

    const [living, dead] = body.items;
    assert.partialDeepStrictEqual(living, { id: worker.id, host: 'here', concurrency: 3, alive: true });
    assert.partialDeepStrictEqual(dead, { host: 'there', alive: false, draining: false });
    assert.deepEqual([body.slots, later.slots, later.busy, later.items.length], [3, 0, 0, 1]);
  });
});
