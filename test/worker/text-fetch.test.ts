import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import { createTextFetch } from '../../src/shared/text-fetch.ts';

const TEXT = JSON.stringify({ prompt: 'A café by the sea '.repeat(500) });

async function withServer(
  answer: RequestListener,
  use: (fetchText: typeof fetch, url: string) => Promise<void>,
): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent();
  try {
    await use(createTextFetch(agent), `http://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`);
  } finally {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
  }
}

test('method, headers and body go out as they are given', async () => {
  const seen: unknown[] = [];
  const echo: RequestListener = async (req, res) => {
    const chunks = await req.toArray();
    seen.push(
      req.method,
      req.headers['x-key'],
      req.headers['accept-encoding'],
      req.headers['user-agent'],
      Buffer.concat(chunks).toString(),
    );
    res.end('ok');
  };
  await withServer(echo, async (fetchText, url) => {
    const headers = new Headers({ 'X-Key': 'k' });
    const answer = await fetchText(url, { method: 'POST', headers, body: TEXT });
    assert.deepEqual([answer.ok, answer.status, await answer.text()], [true, 200, 'ok']);
  });
  assert.deepEqual(seen, ['POST', 'k', 'gzip', 'darkroom', TEXT]);
});

for (const [what, body] of [
  ['bytes', () => Buffer.from(TEXT)],
  ['a stream', () => Readable.from([Buffer.from(TEXT)])],
] as const) {
  test(`a body of ${what} goes out under the length that is said, and the answer is read as JSON`, async () => {
    const echo: RequestListener = async (req, res) => {
      const received = Buffer.concat(await req.toArray()).toString();
      res.end(JSON.stringify({ length: req.headers['content-length'], received }));
    };
    await withServer(echo, async (fetchText, url) => {
      const headers = { 'content-length': `${Buffer.byteLength(TEXT)}` };
      const answer = await fetchText(url, { method: 'POST', headers, body: body() as never });
      assert.deepEqual(await answer.json(), { length: headers['content-length'], received: TEXT });
    });
  });
}

for (const encoding of ['identity', 'gzip'] as const) {
  test(`an answer that comes as ${encoding} is read as text`, async () => {
    const body = encoding === 'gzip' ? gzipSync(TEXT) : TEXT;
    const send: RequestListener = (_req, res) => {
      res.writeHead(200, { 'content-encoding': encoding, 'Content-Range': '0-1/2' }).end(body);
    };
    await withServer(send, async (fetchText, url) => {
      const answer = await fetchText(url);
      assert.equal(await answer.text(), TEXT);
      assert.deepEqual([answer.headers.get('content-range'), answer.headers.get('X-Other')], ['0-1/2', null]);
    });
  });
}

test('a refusal is an answer, and a redirect is not followed', async () => {
  const send: RequestListener = (req, res) => {
    if (req.method === 'GET') res.writeHead(302, { location: '/elsewhere' }).end();
    else res.writeHead(409, 'Conflict').end('{"code":"23505"}');
  };
  await withServer(send, async (fetchText, url) => {
    const refused = await fetchText(url, { method: 'POST', body: '{}' });
    assert.deepEqual([refused.ok, refused.status, refused.statusText], [false, 409, 'Conflict']);
    assert.equal(await refused.text(), '{"code":"23505"}');
    assert.equal((await fetchText(url)).status, 302);
  });
});

for (const [what, headers, body] of [
  ['cut', { 'content-length': '100' }, '{"half'],
  ['no gzip, though it says so', { 'content-encoding': 'gzip' }, 'plain'],
] as const) {
  test(`an answer that is ${what} rejects`, async () => {
    const send: RequestListener = (_req, res) => {
      res.writeHead(200, headers);
      res.write(body, () => res.destroy());
    };
    await withServer(send, async (fetchText, url) => {
      await assert.rejects(fetchText(url));
    });
  });
}

test('a call that is stopped rejects, also while its answer comes', async () => {
  const stop = new AbortController();
  const begin: RequestListener = (_req, res) => {
    res.writeHead(200, { 'content-length': '100' });
    res.write('{', () => stop.abort());
  };
  await withServer(begin, async (fetchText, url) => {
    await assert.rejects(fetchText(url, { signal: stop.signal }), { name: 'AbortError' });
    await assert.rejects(fetchText(url, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});
