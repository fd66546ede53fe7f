import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, createApiClient } from './api-client.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

const NO_REDIS = 'redis://127.0.0.1:1';

let stack: TestStack;
let proxy: RpcProxy;
before(async () => {
  stack = await startTestStack();
  await stack.supabase.storage.createBucket('generated-images', { public: true });
  proxy = await startRpcProxy(stack.supabaseUrl);
});
after(async () => {
  await proxy.close();
  await stack.stop();
});

/** What a new API says, once it has connected to its Redis if that is there. */
async function readinessOf(env: Record<string, string> = {}) {
  const { url } = await stack.startApi(env);
  const api = createApiClient(url);
  const health = await api.get('/healthz');
  assert.deepEqual([health.status, health.body], [200, { status: 'ok' }]);
  let answer: Answer;
  do answer = await api.get('/readyz');
  while (!env.REDIS_URL && answer.body.dependencies.redis !== 'up');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  return { status: answer.status, body: answer.body };
}

describe('readiness', () => {
  it('is 200 when everything is there', async () => {
    assert.deepEqual(await readinessOf(), {
      status: 200,
      body: { status: 'ready', dependencies: { database: 'up', redis: 'up', storage: 'up' } },
    });
  });

  it('is 200 without Redis, which it names: requests are served', async () => {
    assert.deepEqual(await readinessOf({ REDIS_URL: NO_REDIS }), {
      status: 200,
      body: { status: 'ready', dependencies: { database: 'up', redis: 'down', storage: 'up' } },
    });
  });

  it('is 200 without Storage, which it names: submits are served', async () => {
    proxy.decide('generated-images', () => 'cut');

    const readiness = await readinessOf({ SUPABASE_URL: proxy.url });
    proxy.restore();

    assert.deepEqual(readiness, {
      status: 200,
      body: { status: 'ready', dependencies: { database: 'up', redis: 'up', storage: 'down' } },
    });
  });

  const notReady = (storage: 'up' | 'down') => ({
    status: 503,
    body: { status: 'not_ready', dependencies: { database: 'down', redis: 'up', storage } },
  });

  it('is 503 when nobody listens where the database should be', async () => {
    assert.deepEqual(await readinessOf({ SUPABASE_URL: 'http://127.0.0.1:1' }), notReady('down'));
  });

  it('is 503 when the database does not answer in time', async () => {
    const silence = Promise.withResolvers<'cut'>();
    proxy.decide('list_missing_functions', () => silence.promise);

    const readiness = await readinessOf({ SUPABASE_URL: proxy.url });
    silence.resolve('cut');

    assert.deepEqual(readiness, notReady('up'));
  });

  it('is 503 when the key is not good', async () => {
    assert.deepEqual(await readinessOf({ SUPABASE_SERVICE_ROLE_KEY: stack.anonKey }), notReady('down'));
  });

  it('is 503 while the database lacks a function, and 200 once it has it', async () => {
    const rename = (from: string, to: string) => stack.sql(`alter function public.${from} rename to ${to}`);
    await rename('submit_generations', 'submit_generations_of_old');
    const lacking = await readinessOf();
    await rename('submit_generations_of_old', 'submit_generations');

    assert.deepEqual(lacking, notReady('up'));
    assert.equal((await readinessOf()).status, 200);
  });
});

describe('without Redis', () => {
  it('a submit is accepted, without waiting for it', async () => {
    const { url } = await stack.startApi({ REDIS_URL: NO_REDIS });
    const api = createApiClient(url);
    const startedAt = performance.now();

    const record = await api.submit();

    assert.ok(performance.now() - startedAt < 1_000);
    assert.equal((await api.read(record.id)).body.status, 'pending');
  });
});
