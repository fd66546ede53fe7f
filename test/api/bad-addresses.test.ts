import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES, UNKNOWN_ID } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

describe('a method that an address does not have', () => {
  const routes: [path: string, allow: string][] = [
    ['/ai/generate', 'POST'],
    [IMAGES, 'GET, HEAD'],
    [`${IMAGES}/${UNKNOWN_ID}`, 'GET, HEAD, DELETE'],
    [`${IMAGES}/${UNKNOWN_ID}/image`, 'GET, HEAD'],
    [`${IMAGES}/${UNKNOWN_ID}/cancel`, 'POST'],
    [`${IMAGES}/${UNKNOWN_ID}/regenerate`, 'POST'],
    ['/ai/options', 'GET, HEAD'],
    ['/ai/api-keys', 'GET, HEAD, POST'],
    [`/ai/api-keys/${UNKNOWN_ID}`, 'DELETE'],
    ['/healthz', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
  ];
  for (const [path, allow] of routes) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      if (allow.includes(method)) continue;
      it(`is refused with 405 and the ones it has: ${method} ${path}`, async () => {
        const answer = await api.send(method, path);

        assertProblem(answer, 405, 'method_not_allowed');
        assert.equal(answer.headers.get('allow'), allow);
        assert.equal(answer.body.instance, path);
      });
    }
  }
});

describe('an address that is not there', () => {
  const paths = [
    '/ai',
    '/ai/generate/x',
    `${IMAGES}/${UNKNOWN_ID}/nothing`,
    '/%E0',
    '/%00',
    '/..%2f..%2fetc%2fpasswd',
    '/.env',
    '/constructor',
  ];
  for (const path of paths) {
    it(`is refused with 404: ${path}`, async () => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        assertProblem(await api.send(method, path), 404, 'not_found');
      }
    });
  }
});

describe('an id in a path that is no UUID', () => {
  const ids = [
    'nonsense',
    '%E0',
    '%00',
    "'%20or%201=1--",
    `${UNKNOWN_ID}0`,
    `%7B${UNKNOWN_ID}%7D`,
    UNKNOWN_ID.replaceAll('-', ''),
    '..%2f',
    '__proto__',
    'x'.repeat(2_000),
    '%F0%9F%A6%8A',
  ];
  for (const id of ids) {
    it(`is refused with 404: ${id.slice(0, 40)}`, async () => {
      assertProblem(await api.get(`${IMAGES}/${id}`), 404, 'not_found');
    });
  }

  it('is one in capitals too, which finds the image', async () => {
    const { id } = await api.submit();

    assert.equal((await api.read(id.toUpperCase())).body.id, id);
  });
});

describe('HEAD', () => {
  it('answers as GET does, without a body', async () => {
    const { id } = await api.submit();

    for (const path of [`${IMAGES}/${id}`, IMAGES, '/healthz', '/readyz']) {
      const answer = await api.send('HEAD', path);
      assert.deepEqual([answer.status, answer.text], [200, '']);
    }
    const missing = await api.send('HEAD', `${IMAGES}/${UNKNOWN_ID}`);
    assert.deepEqual([missing.status, missing.text], [404, '']);
  });
});

describe('a page of another origin', () => {
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  };
  const ask = async (corsOrigins: string, origin: string) => {
    const { url } = await stack.startApi({ CORS_ORIGINS: corsOrigins });
    const client = createApiClient(url);
    const plain = await client.get(`${IMAGES}/${UNKNOWN_ID}`, { origin });
    const asked = await client.send('OPTIONS', '/ai/generate', { headers: { ...preflight, origin } });
    return { plain, asked, client };
  };

  it('may call when it is listed, and read the headers that matter', async () => {
    const { plain, asked } = await ask('https://a.example/, https://b.example', 'https://a.example');

    for (const answer of [plain, asked]) {
      assert.equal(answer.headers.get('access-control-allow-origin'), 'https://a.example');
      assert.match(answer.headers.get('vary') ?? '', /Origin/);
    }
    assert.equal(asked.status, 204);
    assert.match(asked.headers.get('access-control-allow-methods') ?? '', /POST/);
    assert.equal(asked.headers.get('access-control-allow-headers'), 'authorization');
    const exposed = plain.headers.get('access-control-expose-headers') ?? '';
    for (const name of ['Location', 'Retry-After', 'Request-Id', 'Link'])
      assert.match(exposed, new RegExp(name));
  });

  it('may call when all may', async () => {
    const { plain, asked } = await ask('*', 'https://a.example');

    for (const answer of [plain, asked]) assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  });

  for (const [listed, origin] of [
    ['', 'https://a.example'],
    ['https://a.example', 'https://a.example.evil.example'],
    ['https://a.example', 'http://a.example'],
    ['https://a.example', 'null'],
  ] as const) {
    it(`may not call from ${origin} when ${listed || 'none'} is listed`, async () => {
      const { plain, asked } = await ask(listed, origin);

      for (const answer of [plain, asked]) {
        assert.equal(answer.headers.get('access-control-allow-origin'), null);
        assert.equal(answer.headers.get('access-control-allow-credentials'), null);
      }
    });
  }
});

it('no answer tells what serves it', async () => {
  for (const path of ['/healthz', '/nowhere', `${IMAGES}/%E0`]) {
    const { headers } = await api.get(path);
    assert.equal(headers.get('x-powered-by'), null);
    assert.equal(headers.get('server'), null);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});
