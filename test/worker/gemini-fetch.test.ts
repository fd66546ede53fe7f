import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createGeminiFetch } from '../../src/worker/gemini-fetch.ts';
import type { AnswerFiles } from '../../src/worker/image-files.ts';

const JSON_TEXT = JSON.stringify({ candidates: ['an image '.repeat(20_000)] });
const KEEP: AnswerFiles['takeImages'] = async (body) => (await buffer(body)).toString();

async function withServer(answer: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/models`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const call = (url: string, takeImages = KEEP) =>
  createGeminiFetch()({ takeImages })(url, { method: 'POST', body: '{}' });

for (const encoding of ['identity', 'gzip'] as const) {
  test(`an answer that comes as ${encoding} goes through the files as it was made`, async () => {
    const send: RequestListener = (_req, res) => {
      const body = encoding === 'gzip' ? gzipSync(JSON_TEXT) : JSON_TEXT;
      res.writeHead(200, { 'content-encoding': encoding, 'x-request': '1' }).end(body);
    };
    await withServer(send, async (url) => {
      const answer = await call(url);
      assert.deepEqual(await answer.json(), JSON.parse(JSON_TEXT));
      assert.equal(Object.fromEntries(answer.headers.entries())['x-request'], '1');
    });
  });

  test(`an answer that comes as ${encoding} and is cut is a broken connection`, async () => {
    const send: RequestListener = (_req, res) => {
      const body = encoding === 'gzip' ? gzipSync(JSON_TEXT).subarray(0, 200) : JSON_TEXT;
      res.writeHead(200, { 'content-encoding': encoding, 'content-length': '1000000' });
      res.write(body, () => res.destroy());
    };
    await withServer(send, async (url) => {
      await assert.rejects(call(url), { name: 'TypeError', message: 'fetch failed' });
    });
  });
}

test('a refusal is an answer, and goes through no files', async () => {
  const send: RequestListener = (_req, res) => {
    res.writeHead(429, { 'content-type': 'application/json' }).end('{"error":{"code":429}}');
  };
  await withServer(send, async (url) => {
    const answer = await call(url, () => assert.fail('the refusal was taken for an image'));
    assert.deepEqual([answer.ok, answer.status], [false, 429]);
    assert.deepEqual(await answer.json(), { error: { code: 429 } });
  });
});

test('files that fail in the middle are told as they failed, and the connection is closed', async () => {
  const failed = Object.assign(new Error('no such folder'), { code: 'ENOENT' });
  const send: RequestListener = (_req, res) => {
    res.write(JSON_TEXT.slice(0, 1_000));
    res.on('close', () => closed.resolve());
  };
  const closed = Promise.withResolvers<void>();
  await withServer(send, async (url) => {
    const fails: AnswerFiles['takeImages'] = async (body) => {
      for await (const _chunk of body) throw failed;
      return '';
    };
    await assert.rejects(call(url, fails), failed);
    await closed.promise;
  });
});

test('a redirect is refused, and its body is not waited for', async () => {
  const closed = Promise.withResolvers<void>();
  const send: RequestListener = (_req, res) => {
    res.writeHead(307, { location: 'http://127.0.0.1:1/' }).write('elsewhere');
    res.on('close', () => closed.resolve());
  };
  await withServer(send, async (url) => {
    await assert.rejects(call(url), { code: 'misconfigured', errorClass: 'permanent', billed: false });
    await closed.promise;
  });
});
