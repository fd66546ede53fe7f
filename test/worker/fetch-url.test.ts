import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createFetchUrl, type FetchUrl } from '../../src/worker/fetch-url.ts';
import { createRequestPublic } from '../../src/worker/public-request.ts';
import { type PictureServer, startPictureServer } from '../support/picture-server.ts';
import { waitFor } from '../support/wait-for.ts';

const HOST = 'pictures.test';
const MOST_BYTES = 64 * 1024;

let server: PictureServer;
let fetchUrl: FetchUrl;
/** What DNS fails with, the next times that it is asked. */
const dnsFaults: string[] = [];
before(async () => {
  server = await startPictureServer([HOST]);
  const resolve = async () => {
    const code = dnsFaults.shift();
    if (code) throw Object.assign(new Error(`${code} ${HOST}`), { code });
    return ['127.0.0.1'];
  };
  const request = createRequestPublic({ resolve, isPublic: () => true, ca: server.ca });
  fetchUrl = createFetchUrl({ request, pauseMs: 1 });
});
after(() => server.close());

const fetchHere = (path = '/', limits: Partial<Parameters<FetchUrl>[1]> = {}) =>
  fetchUrl(server.url(HOST, path), {
    mostBytes: MOST_BYTES,
    withinMs: 20_000,
    signal: new AbortController().signal,
    ...limits,
  });

const allClosed = () => waitFor('the connections to close', () => server.connections().open === 0);

/** Writes as fast as the reader takes it, for as long as there is one; `sent` counts. */
function pourInto(response: ServerResponse, sent: { bytes: number }): void {
  const chunk = Buffer.alloc(16 * 1024);
  const pour = () => {
    while (!response.destroyed) {
      sent.bytes += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', pour);
    }
  };
  pour();
}

describe('a body', () => {
  it('is taken as it was sent, to the last byte that may be', async () => {
    const body = Buffer.alloc(MOST_BYTES, 'x');
    server.answer((_request, response) => void response.end(body));

    assert.deepEqual(await fetchHere(), body);
  });

  it('that never ends is cut off, and its connection closed', async () => {
    const sent = { bytes: 0 };
    server.answer((_request, response) => pourInto(response, sent));

    await assert.rejects(fetchHere(), { message: `has more than ${MOST_BYTES} bytes`, temporary: false });

    await allClosed();
    assert.ok(sent.bytes < 50 * MOST_BYTES, `${sent.bytes} were taken by the two sides' buffers`);
  });

  it('that is said to be too large is not waited for', async () => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-length': MOST_BYTES + 1 }).write('x');
    });

    await assert.rejects(fetchHere(), { message: `has more than ${MOST_BYTES} bytes` });

    await allClosed();
  });

  it('that is compressed all the same is not unpacked', async () => {
    const packed = gzipSync(Buffer.alloc(10 * MOST_BYTES));
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    });

    assert.deepEqual(await fetchHere(), packed);
  });

  it('that trickles is given up in time, and its connection closed', async () => {
    const started = performance.now();
    server.answer((_request, response) => {
      const drops = setInterval(() => response.write('x'), 10);
      response.once('close', () => clearInterval(drops));
    });

    await assert.rejects(fetchHere('/', { withinMs: 500 }), {
      message: 'was not there within 1 s',
      temporary: true,
    });

    assert.ok(performance.now() - started < 10_000);
    await allClosed();
  });
});

describe('a server', () => {
  it('that says nothing at all is given up in time', async () => {
    server.answer(() => undefined);

    await assert.rejects(fetchHere('/', { withinMs: 300 }), { message: 'was not there within 1 s' });

    await allClosed();
  });

  for (const status of [400, 401, 403, 404, 410, 204, 206, 304]) {
    it(`that answers ${status} is believed at once`, async () => {
      const before = server.requests.length;
      server.answer((_request, response) => void response.writeHead(status).end());

      await assert.rejects(fetchHere(), { message: `was answered with ${status}`, temporary: false });

      assert.equal(server.requests.length - before, 1);
    });
  }

  for (const status of [429, 500, 502, 503]) {
    it(`that answers ${status} is asked three times`, async () => {
      const before = server.requests.length;
      server.answer((_request, response) => void response.writeHead(status).end());

      await assert.rejects(fetchHere(), { message: `was answered with ${status}`, temporary: true });

      assert.equal(server.requests.length - before, 3);
    });
  }

  const troubles: [what: string, trouble: (response: ServerResponse) => void][] = [
    ['answers 500', (response) => response.writeHead(500).end()],
    ['hangs up', (response) => response.destroy()],
    [
      'hangs up in the middle',
      (response) => response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy()),
    ],
  ];
  for (const [what, trouble] of troubles) {
    it(`that ${what} and then answers has answered`, async () => {
      let left = 2;
      server.answer((_request, response) => {
        if (left-- > 0) trouble(response);
        else response.end('here');
      });

      assert.equal((await fetchHere()).toString(), 'here');
    });
  }

  it('that is not there is told after three tries', async () => {
    const gone = await startPictureServer([HOST]);
    await gone.close();

    await assert.rejects(
      fetchUrl(gone.url(HOST), { mostBytes: 1, withinMs: 20_000, signal: new AbortController().signal }),
      { message: 'cannot be reached (ECONNREFUSED)', temporary: true },
    );
  });

  it('that speaks no TLS is not read', async () => {
    await assert.rejects(
      fetchUrl(String(process.env.TEST_REDIS_URL).replace(/^redis:.*@|^redis:\/\//, 'https://'), {
        mostBytes: 1,
        withinMs: 20_000,
        signal: new AbortController().signal,
      }),
      { name: 'UrlError' },
    );
  });
});

describe('a name', () => {
  it('that DNS cannot tell for a moment is asked for again', async () => {
    server.answer((_request, response) => void response.end('here'));
    dnsFaults.push('ESERVFAIL', 'ETIMEOUT');

    assert.equal((await fetchHere()).toString(), 'here');
  });

  it('that DNS cannot tell is told after three tries, without the name', async () => {
    dnsFaults.push('ESERVFAIL', 'ESERVFAIL', 'ESERVFAIL');

    await assert.rejects(fetchHere(), { message: 'cannot be reached (ESERVFAIL)', temporary: true });
  });
});

describe('an abort', () => {
  it('ends the fetch with its reason and closes the connection', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    server.answer((_request, response) => {
      response.write('x');
      arrived.resolve(response);
    });
    const controller = new AbortController();
    const fetching = fetchHere('/', { signal: controller.signal });
    const response = await arrived.promise;

    const closed = once(response, 'close');
    controller.abort('cancel_requested');

    await assert.rejects(fetching, (reason) => reason === 'cancel_requested');
    await closed;
  });

  it('that comes first lets nothing begin', async () => {
    const { made } = server.connections();

    await assert.rejects(
      fetchHere('/', { signal: AbortSignal.abort('lost') }),
      (reason) => reason === 'lost',
    );

    assert.equal(server.connections().made, made);
  });
});

for (const address of [
  'http://pictures.test/',
  'ftp://pictures.test/',
  'data:image/png;base64,AA',
  'nonsense',
  '',
].concat(['https://user@pictures.test/', 'https://:secret@pictures.test/'])) {
  it(`what is no plain https address is not fetched: ${address}`, async () => {
    const { made } = server.connections();

    const limits = { mostBytes: 1, withinMs: 20_000, signal: new AbortController().signal };
    await assert.rejects(fetchUrl(address, limits), {
      message: 'is no plain https address',
      temporary: false,
    });

    assert.equal(server.connections().made, made);
  });
}
