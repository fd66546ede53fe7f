import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import type { Json } from './api-client.ts';
import { createApiClient } from './api-client.ts';

const BOARD = '/admin/queues';
const ADMIN_TOKEN = 'a-token-that-is-for-admins-only-0123';
const SECRET_PROMPT = 'A prompt that nobody else may read';

let stack: TestStack;
let url: string;
let userToken: string;
let imageId: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi({ ADMIN_TOKEN }));
  ({ token: userToken } = await stack.createUser());
  // Without workers it stays in Redis, to be seen there.
  imageId = (await createApiClient(url, userToken).submit({ prompt: SECRET_PROMPT })).id;
});
after(() => stack.stop());

const basic = (password: string, name = 'anybody') =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const ask = (path: string, authorization?: string, method = 'GET', init: RequestInit = {}) =>
  fetch(url + path, {
    ...init,
    method,
    headers: { ...(authorization && { authorization }), ...(init.headers as Record<string, string>) },
  });
const askAdmin = (path: string, method?: string, init?: RequestInit) =>
  ask(path, basic(stack.serviceRoleKey), method, init);

/** The one queue of the board, once the image is in it. */
async function readQueue(): Promise<Json> {
  const until = performance.now() + 10_000;
  for (;;) {
    const answer = await askAdmin(`${BOARD}/api/queues?activeQueue=generations&status=waiting&page=1`);
    assert.equal(answer.status, 200);
    const { queues }: Json = await answer.json();
    if (queues[0]?.counts.waiting > 0) return queues[0];
    assert.ok(performance.now() < until, 'no job came');
  }
}

describe('who may see the board', () => {
  for (const path of [
    '',
    '/',
    '/api/queues',
    '/queue/generations',
    '/static/favicon.ico',
    '/api/redis/stats',
  ]) {
    it(`admins alone see ${BOARD}${path}`, async () => {
      const statuses = await Promise.all(
        [
          undefined,
          basic('wrong'),
          basic(''),
          'Basic !',
          `Bearer ${userToken}`,
          basic(userToken),
          basic(stack.anonKey),
          basic(stack.serviceRoleKey),
          basic(ADMIN_TOKEN, ''),
          `Bearer ${stack.serviceRoleKey}`,
          `Bearer ${ADMIN_TOKEN}`,
        ].map(async (authorization) => (await ask(BOARD + path, authorization)).status),
      );

      assert.deepEqual(statuses, [401, 401, 401, 401, 403, 403, 401, 200, 200, 200, 200]);
    });
  }

  it('a browser is told to ask for a password, and nobody learns anything', async () => {
    for (const authorization of [undefined, basic('wrong')]) {
      const answer = await ask(BOARD, authorization);
      const body: Json = await answer.json();

      assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="darkroom", charset="UTF-8"');
      assert.equal(body.code, 'unauthorized');
    }
  });

  it('a password opens the board and nothing else', async () => {
    for (const path of ['/admin/queue', '/admin/limits', '/ai/generated-images']) {
      assert.equal((await ask(path, basic(stack.serviceRoleKey))).status, 401, path);
    }
  });

  it('the token for admins is an admin of the API, too', async () => {
    const answer = await createApiClient(url, ADMIN_TOKEN).get('/admin/limits');

    assert.equal(answer.status, 200);
  });
});

describe('the board', () => {
  it('is a page whose files all come from here', async () => {
    const page = await askAdmin(BOARD);
    const html = await page.text();

    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    const files = [...html.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, file]) => file);
    assert.ok(files.length >= 5, html);
    assert.match(html, /<base href="\/admin\/queues\/"/);
    for (const file of files) assert.equal((await askAdmin(`${BOARD}/${file}`)).status, 200, file);
  });

  it('may load nothing from elsewhere and be framed by nobody; other pages keep their own policy', async () => {
    const policy = (await askAdmin(BOARD)).headers.get('content-security-policy') ?? '';
    const other = (await ask('/healthz')).headers.get('content-security-policy') ?? '';

    for (const part of ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'"]) {
      assert.ok(policy.includes(part), policy);
    }
    assert.doesNotMatch(policy, /https?:|\*/);
    assert.match(other, /default-src 'self'/);
    assert.equal((await askAdmin(BOARD)).headers.get('x-powered-by'), null);
  });

  it('shows the jobs in Redis by their ids, read-only, and no prompt', async () => {
    const queue = await readQueue();

    assert.partialDeepStrictEqual(queue, { name: 'generations', readOnlyMode: true, allowRetries: false });
    assert.deepEqual(
      queue.jobs.map(({ id, data }: Json) => ({ id, data })),
      [{ id: `${imageId}_1`, data: { id: imageId, epoch: 1 } }],
    );
    const job = await (await askAdmin(`${BOARD}/api/queues/generations/${imageId}_1`)).text();
    assert.doesNotMatch(JSON.stringify(queue) + job, new RegExp(SECRET_PROMPT));
  });

  const job = () => `${imageId}_1`;
  const writes: [method: string, path: () => string][] = [
    ['PUT', () => '/api/queues/pause'],
    ['PUT', () => '/api/queues/resume'],
    ['PUT', () => '/api/queues/generations/pause'],
    ['PUT', () => '/api/queues/generations/empty'],
    ['PUT', () => '/api/queues/generations/obliterate'],
    ['PUT', () => '/api/queues/generations/retry/failed'],
    ['PUT', () => '/api/queues/generations/promote'],
    ['PUT', () => '/api/queues/generations/clean/wait'],
    ['PUT', () => '/api/queues/generations/concurrency'],
    ['POST', () => '/api/queues/generations/add'],
    ['PUT', () => `/api/queues/generations/${job()}/clean`],
    ['PUT', () => `/api/queues/generations/${job()}/retry/failed`],
    ['PATCH', () => `/api/queues/generations/${job()}/update-data`],
    ['DELETE', () => `/api/queues/generations/${job()}`],
    ['POST', () => ''],
  ];
  it('takes no write, whoever sends it', async () => {
    const before = await readQueue();
    const init = { body: '{}', headers: { 'content-type': 'application/json' } };

    for (const [method, path] of writes) {
      const answer = await askAdmin(BOARD + path(), method, init);
      assert.equal(answer.status, 405, `${method} ${path()}`);
      assert.equal(answer.headers.get('allow'), 'GET, HEAD');
    }

    assert.deepEqual(await readQueue(), before);
  });

  it('has nothing where there is nothing', async () => {
    const answer = await askAdmin(`${BOARD}/no/such/thing`);

    assert.equal(answer.status, 404);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  });
});
