import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { scrape } from '../support/metrics.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

const TOKEN = 'a-token-for-prometheus';
const NO_REDIS = 'redis://127.0.0.1:1';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
let child: WorkerProcess | undefined;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
});
afterEach(async () => {
  supabase.passAll();
  child?.child.kill('SIGKILL');
  await child?.exitCode;
  child = undefined;
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

async function ask(url: string | null, path: string, init: RequestInit = {}) {
  const answer = await fetch(`${url}${path}`, init);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
}

async function start(env: Record<string, string> = {}) {
  const { url, stop } = await stack.startWorker({ WORKER_PORT: '0', ...env });
  return { url, stop };
}

/** Once Redis has connected. */
const readiness = (url: string | null, status: number) =>
  waitFor(`readiness ${status}`, async () => {
    const answer = await ask(url, '/readyz');
    return answer.status === status && answer.body;
  });

const dependencies = (changes: object = {}) => ({ database: 'up', redis: 'up', storage: 'up', ...changes });

test('a worker listens only when it is told a port', async () => {
  const { url, stop } = await stack.startWorker();
  await stop();

  assert.equal(url, null);
});

test('a worker is ready when it can work, and names each dependency', async () => {
  const { url, stop } = await start();

  assert.deepEqual(await readiness(url, 200), { status: 'ready', dependencies: dependencies() });
  assert.deepEqual((await ask(url, '/healthz')).body, { status: 'ok' });
  await stop();
  await assert.rejects(ask(url, '/healthz'));
});

test('a worker without Redis is not ready, one without Storage is', async () => {
  const withoutRedis = await start({ REDIS_URL: NO_REDIS });
  const withoutStorage = await start({ SUPABASE_URL: supabase.url });
  supabase.decide(({ path }) => (path.includes('/storage/') ? 'cut' : 'pass'));

  assert.deepEqual(await readiness(withoutRedis.url, 503), {
    status: 'not_ready',
    dependencies: dependencies({ redis: 'down' }),
  });
  const { dependencies: named } = await waitFor('no Storage', async () => {
    const { status, body } = await ask(withoutStorage.url, '/readyz');
    return status === 200 && body.dependencies.storage === 'down' && body;
  });
  assert.deepEqual(named, dependencies({ storage: 'down' }));
  await Promise.all([withoutRedis.stop(), withoutStorage.stop()]);
});

test('a worker that drains is not ready, and still tells its metrics', async () => {
  const { url, stop } = await start();
  await readiness(url, 200);
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);

  const stopped = stop();
  const drained = await readiness(url, 503);
  const metrics = await scrape(String(url));
  stack.gemini.control.release(id);
  await stopped;

  assert.deepEqual(drained, { status: 'draining', dependencies: dependencies() });
  assert.deepEqual(
    [metrics.value('darkroom_worker_slots'), metrics.value('darkroom_worker_slots_busy')],
    [0, 1],
  );
});

test('a process answers /healthz while Postgres and Redis are away, before it has started and after', async () => {
  supabase.decide(() => 'cut');
  child = startWorkerProcess({
    ...stack.env,
    SUPABASE_URL: supabase.url,
    REDIS_URL: NO_REDIS,
    WORKER_PORT: '0',
    LOG_LEVEL: 'info',
  });
  const { url } = (await child.waitForLine('worker.listening')) as unknown as { url: string };

  assert.equal((await ask(url, '/healthz')).status, 200);
  assert.deepEqual(await readiness(url, 503), {
    status: 'starting',
    dependencies: { database: 'down', redis: 'down', storage: 'down' },
  });
  supabase.passAll();
  await child.waitForLine('worker.started');
  supabase.decide(() => 'cut');
  assert.equal((await ask(url, '/healthz')).status, 200);
  assert.equal((await scrape(url)).value('darkroom_workers'), null);
});

test('a worker whose port is taken says so, and exits with 1', async () => {
  const { url, stop } = await start();
  const { port } = new URL(String(url));
  child = startWorkerProcess({ ...stack.env, WORKER_PORT: port, LOG_LEVEL: 'info' });

  assert.equal(await child.exitCode, 1);
  assert.match(JSON.stringify(child.lines), new RegExp(`EADDRINUSE.*${port}`));
  await stop();
});

test('other paths and methods are refused, and metrics need the token where one is set', async () => {
  const { url, stop } = await start({ METRICS_TOKEN: TOKEN });

  assert.equal((await ask(url, '/')).status, 404);
  const posted = await ask(url, '/readyz', { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
  assert.equal((await ask(url, '/healthz', { method: 'HEAD' })).status, 200);
  assert.equal((await ask(url, '/metrics')).status, 401);
  assert.equal((await ask(url, '/metrics', { headers: { authorization: 'Bearer x' } })).status, 401);
  assert.ok((await scrape(String(url), TOKEN)).text.includes('darkroom_worker_slots'));
  await stop();
});
