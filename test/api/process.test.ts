import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { createApiClient } from './api-client.ts';
import { type ApiProcess, startApiProcess } from './api-process.ts';
import { type RpcCall, type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

const SECRET = 'marker-of-a-secret';

let stack: TestStack;
let env: Record<string, string>;
const processes: ApiProcess[] = [];
const proxies: RpcProxy[] = [];
before(async () => {
  stack = await startTestStack();
  env = { ...stack.env, LOG_LEVEL: 'info' };
});
after(async () => {
  for (const one of processes) await one.stop();
  for (const proxy of proxies) await proxy.close();
  await stack.stop();
});

function start(environment: Record<string, string>): ApiProcess {
  const started = startApiProcess(environment);
  processes.push(started);
  return started;
}

/** An API process with one submit under way, which waits for the test's word. */
async function startBusy() {
  const proxy = await startRpcProxy(stack.supabaseUrl);
  proxies.push(proxy);
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  proxy.decide('submit_generations', async (call: RpcCall) => {
    arrived.resolve();
    await goOn.promise;
    return call.forward();
  });
  const api = start({ ...env, SUPABASE_URL: proxy.url });
  const { url } = await api.line('api.started');
  const submitting = createApiClient(url).generate({ prompt: 'under way' });
  await arrived.promise;
  return { api, url, submitting, goOn: goOn.resolve };
}

describe('the process', { concurrency: true }, () => {
  it('starts without its dependencies, and lets nobody in without a token by default', async () => {
    const { ANONYMOUS_ACCESS: _unset, ...rest } = env;
    const api = start({ ...rest, SUPABASE_URL: 'http://127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1' });

    const { url } = await api.line('api.started');
    const client = createApiClient(url);

    assert.equal((await client.get('/healthz')).status, 200);
    assert.equal((await client.generate({ prompt: 'A fox' })).status, 401);
    api.kill('SIGTERM');
    assert.equal((await api.exited).code, 0);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`answers what is under way at ${signal}, takes nothing new, and exits at once with 0`, async () => {
      const { api, url, submitting, goOn } = await startBusy();

      api.kill(signal);
      await api.line('process.stopping');
      await assert.rejects(fetch(`${url}/healthz`, { headers: { connection: 'close' } }));
      goOn();
      const answer = await submitting;
      const answeredAt = performance.now();
      const { code, stderr } = await api.exited;

      assert.deepEqual([answer.status, code, stderr], [202, 0, '']);
      // A kept-alive connection must not hold it up: clients keep theirs open for seconds.
      assert.ok(performance.now() - answeredAt < 1_500);
      const [row] = await stack.sql('select status from generated_images where id = $1', [answer.body.id]);
      assert.equal(row?.status, 'pending');
    });
  }

  it('gives up what does not end within its time, and still exits', async () => {
    const proxy = await startRpcProxy(stack.supabaseUrl);
    proxies.push(proxy);
    const arrived = Promise.withResolvers<void>();
    proxy.decide('get_generations', () => {
      arrived.resolve();
      return new Promise(() => undefined);
    });
    const api = start({ ...env, SUPABASE_URL: proxy.url, SHUTDOWN_GRACE_MS: '200' });
    const { url } = await api.line('api.started');
    const reading = createApiClient(url)
      .read(crypto.randomUUID())
      .catch((error: Error) => error);
    await arrived.promise;

    api.kill('SIGTERM');

    assert.ok((await reading) instanceof Error);
    await proxy.close();
    assert.equal((await api.exited).code, 0);
  });

  it('says so when its port is taken, and exits with 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;

    const { code, stdout, stderr } = await start({ ...env, PORT: String(port) }).exited;
    taken.close();

    assert.equal(code, 1);
    assert.match(stdout + stderr, new RegExp(`address already in use 127\\.0\\.0\\.1:${port}`));
    assert.doesNotMatch(stdout, /api\.started/);
  });

  it('writes no secret to its log, at any level', async () => {
    const api = start({ ...env, LOG_LEVEL: 'trace' });
    const { url } = await api.line('api.started');
    const { token } = await stack.createUser();
    await createApiClient(url, token).submit({ prompt: SECRET });
    api.kill('SIGTERM');
    const { stdout, stderr } = await api.exited;

    assert.equal(stderr, '');
    assert.match(stdout, /request\.answered/);
    for (const secret of [SECRET, token, stack.serviceRoleKey, String(stack.env.SUPABASE_JWT_SECRET)]) {
      assert.ok(!stdout.includes(secret));
    }
  });
});
