import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startPictureServer } from '../support/picture-server.ts';
import { startTcpProxy, throughProxy } from '../support/tcp-proxy.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
let worker: WorkerProcess | undefined;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
});
afterEach(async () => {
  worker?.child.kill('SIGKILL');
  await worker?.exitCode;
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

function start(env = {}): WorkerProcess {
  worker = startWorkerProcess({ ...stack.env, LOG_LEVEL: 'info', ...env });
  return worker;
}

test('a worker tells all that is wrong with its environment in one message, and exits with 1', async () => {
  const { exitCode, stderr } = startWorkerProcess({
    SUPABASE_URL: 'not a url',
    REDIS_URL: 'http://redis',
    SUPABASE_SERVICE_ROLE_KEY: '',
    QUEUE_PREFIX: 'with:colon',
    WORKER_CONCURRENCY: '0',
    GEMINI_TIMEOUT_MS: 'soon',
    DEFAULT_MODEL: 'no-such-model',
    MODELS_FILE: '/no/such/file.json',
    WEBHOOK_ENCRYPTION_KEY: 'too short',
    LOG_LEVEL: 'loud',
  });

  assert.equal(await exitCode, 1);
  const told = [...stderr().matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name);
  assert.deepEqual(told.toSorted(), [
    'GEMINI_API_KEY',
    'GEMINI_TIMEOUT_MS',
    'LOG_LEVEL',
    'MODELS_FILE',
    'QUEUE_PREFIX',
    'REDIS_URL',
    'SUPABASE_SERVICE_ROLE_KEY',
    'SUPABASE_URL',
    'WEBHOOK_ENCRYPTION_KEY',
    'WORKER_CONCURRENCY',
  ]);
  assert.doesNotMatch(stderr(), /with:colon/, 'values may be secrets');
});

test('a default model that is none of the models is told beside other problems', async () => {
  const { exitCode, stderr } = startWorkerProcess({
    ...stack.env,
    DEFAULT_MODEL: 'imagen',
    LOG_LEVEL: 'loud',
  });

  assert.equal(await exitCode, 1);
  assert.match(stderr(), /DEFAULT_MODEL: is none of the models/);
  assert.match(stderr(), /LOG_LEVEL: /);
});

test('SIGTERM lets a worker finish what runs, and it exits with 0', async () => {
  const { child, waitForLine, exitCode } = start();
  await waitForLine('worker.started');
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);

  child.kill('SIGTERM');
  await waitForLine('process.stopping');
  stack.gemini.control.release(id);

  assert.equal(await exitCode, 0);
  assert.equal((await generations.row(id)).status, 'succeeded');
  assert.deepEqual(await stack.sql('select * from public.workers'), []);
});

test('a second SIGTERM ends a worker at once, with 1', async () => {
  const { child, waitForLine, exitCode } = start({ SHUTDOWN_GRACE_MS: '60000' });
  await waitForLine('worker.started');
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);
  child.kill('SIGTERM');
  await waitForLine('process.stopping');

  child.kill('SIGTERM');

  assert.equal(await exitCode, 1);
  await stack.sql('delete from public.generated_images where id = $1', [id]);
});

test('a worker waits for a database that is away when it starts', async () => {
  supabase.decide(() => 'cut');
  const { child, waitForLine, lines, exitCode } = start({
    SUPABASE_URL: supabase.url,
    SUPABASE_PUBLIC_URL: stack.supabaseUrl,
  });
  await waitForLine('database.away');
  await generations.waitFor(async () => assert.ok(supabase.requests.length > 3));
  assert.ok(!lines.some(({ msg }) => msg === 'worker.started'));

  supabase.passAll();

  await waitForLine('worker.started');
  assert.equal((await generations.waitForEnd(await generations.submit())).status, 'succeeded');
  child.kill('SIGTERM');
  assert.equal(await exitCode, 0);
});

test('SIGTERM ends a worker that waits for its database', async () => {
  supabase.decide(() => 'cut');
  const { child, waitForLine, exitCode } = start({ SUPABASE_URL: supabase.url });
  await waitForLine('database.away');

  child.kill('SIGTERM');

  await exitCode;
  supabase.passAll();
});

test('SIGTERM ends a worker in time, with 0, while Redis is away', async () => {
  const { hostname: host, port } = new URL(stack.env.REDIS_URL ?? '');
  const proxy = await startTcpProxy({ host, port: Number(port) });
  const { child, waitForLine, exitCode } = start({ REDIS_URL: throughProxy(stack.env.REDIS_URL, proxy) });
  await waitForLine('worker.started');
  await generations.waitForEnd(await generations.submit());
  proxy.cut();
  await waitForLine('redis.away');

  child.kill('SIGTERM');

  assert.equal(await exitCode, 0);
  await proxy.close();
});

test('a worker process fetches nothing from a private address, whatever its environment says', async () => {
  const pictures = await startPictureServer(['127.0.0.1']);
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-ca-'));
  await writeFile(join(folder, 'ca.pem'), pictures.ca);
  const trusting = {
    NODE_ENV: 'test',
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
  };
  const { waitForLine } = start(trusting);
  await waitForLine('worker.started');

  for (const host of ['127.0.0.1', '0x7f.1', '[::ffff:127.0.0.1]']) {
    const id = await generations.submit('', { reference_images: [{ url: pictures.url(host, '/a.png') }] });
    const row = await generations.waitForEnd(id);

    assert.deepEqual([row.error_code, generations.calls(id)], ['reference_unreadable', 0]);
    assert.match(String(row.error?.message), /^Reference image 1 \(.*\) has no public address\.$/);
  }

  assert.equal(pictures.connections().made, 0);
  await pictures.close();
  await rm(folder, { recursive: true });
});
