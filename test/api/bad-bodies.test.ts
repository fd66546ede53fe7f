import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, countWritten, createApiClient, pointersOf } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  api = createApiClient(url);
});
after(() => stack.stop());

const JSON_TYPE = { 'content-type': 'application/json' };
const GOOD = '{"prompt":"A fox"}';
const notUtf8 = Buffer.concat([Buffer.from('{"prompt":"A f'), Buffer.from([0xff]), Buffer.from('x"}')]);
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

type Refused = [
  name: string,
  status: number,
  code: string,
  body: string | Buffer,
  headers?: Record<string, string>,
];
const refused: Refused[] = [
  ['empty', 400, 'malformed_json', ''],
  ['blank', 400, 'malformed_json', '  '],
  ['cut off', 400, 'malformed_json', '{"prompt":"A f'],
  ['followed by more', 400, 'malformed_json', `${GOOD}${GOOD}`],
  ['with a comma too many', 400, 'malformed_json', '{"prompt":"A fox",}'],
  ['with a comment', 400, 'malformed_json', '{"prompt":"A fox"/* */}'],
  ['with a raw line break in a string', 400, 'malformed_json', '{"prompt":"A\nfox"}'],
  ['in single quotes', 400, 'malformed_json', "{'prompt':'A fox'}"],
  ['NaN', 400, 'malformed_json', '{"prompt":"A fox","deadline_seconds":NaN}'],
  ['a form', 400, 'malformed_json', 'prompt=A+fox'],
  ['not UTF-8', 400, 'malformed_json', notUtf8],
  ['nested deeply and never closed', 400, 'malformed_json', '['.repeat(200_000)],
  ['gzip that is none', 400, 'malformed_json', GOOD, { 'content-encoding': 'gzip' }],
  ['gzip cut off', 400, 'malformed_json', gzipSync(GOOD).subarray(0, 15), { 'content-encoding': 'gzip' }],
  ['plain text by its type', 415, 'unsupported_media_type', GOOD, { 'content-type': 'text/plain' }],
  [
    'a form by its type',
    415,
    'unsupported_media_type',
    GOOD,
    { 'content-type': 'application/x-www-form-urlencoded' },
  ],
  [
    'of a type that only resembles JSON',
    415,
    'unsupported_media_type',
    GOOD,
    { 'content-type': 'application/json5' },
  ],
  ['a merge patch', 415, 'unsupported_media_type', GOOD, { 'content-type': 'application/merge-patch+json' }],
  ['of a type that is nonsense', 415, 'unsupported_media_type', GOOD, { 'content-type': ';;' }],
  [
    'in Latin-1',
    415,
    'unsupported_media_type',
    GOOD,
    { 'content-type': 'application/json; charset=iso-8859-1' },
  ],
  [
    'in a charset that is none',
    415,
    'unsupported_media_type',
    GOOD,
    { 'content-type': 'application/json; charset=utf-9' },
  ],
  ['in an encoding of its own', 415, 'unsupported_media_type', GOOD, { 'content-encoding': 'rot13' }],
  [
    'encoded twice',
    415,
    'unsupported_media_type',
    gzipSync(gzipSync(GOOD)),
    { 'content-encoding': 'gzip, gzip' },
  ],
  ['too large', 413, 'payload_too_large', `{"prompt":"${'x'.repeat(262_144)}"}`],
  [
    'small, until it is unpacked',
    413,
    'payload_too_large',
    gzipSync(Buffer.alloc(50_000_000, 0x20)),
    { 'content-encoding': 'gzip' },
  ],
  ['a list', 422, 'validation_failed', `[${GOOD}]`],
  ['a list of nothing', 422, 'validation_failed', '[]'],
  ['a string', 422, 'validation_failed', '"A fox"'],
  ['a number', 422, 'validation_failed', '5'],
  ['true', 422, 'validation_failed', 'true'],
  ['null', 422, 'validation_failed', 'null'],
  ['nested deeply', 422, 'validation_failed', deep(100_000)],
];

describe('a body that is', () => {
  for (const [name, status, code, body, headers] of refused) {
    it(`${name} is refused with ${status}`, async () => {
      const before = await countWritten(stack);

      const answer = await api.postRaw(body, headers);

      assertProblem(answer, status, code);
      assert.deepEqual(pointersOf(answer), status === 422 ? [''] : []);
      assert.deepEqual(await countWritten(stack), before);
    });
  }

  for (const field of ['metadata', 'prompt', 'style']) {
    it(`nested deeply within ${field} is refused by that field`, async () => {
      const answer = await api.postRaw(`{"prompt":"A fox","${field}":${deep(100_000)}}`);

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), [`/${field}`]);
    });
  }

  it('of no type at all is refused with 415', async () => {
    const answer = await api.send('POST', '/ai/generate', { body: Buffer.from(GOOD) });

    assertProblem(answer, 415, 'unsupported_media_type');
  });

  it('not there at all is refused with 400', async () => {
    const head =
      'POST /ai/generate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n';
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(head);

    const answer = await text(socket);

    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /"code":"malformed_json"/);
  });

  it('cut off by its sender leaves nothing, and the API answers others', async () => {
    const before = await countWritten(stack);
    const head =
      'POST /ai/generate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n';
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`${head}{"prompt":`);
    await once(socket, 'ready');
    socket.destroy();
    await once(socket, 'close');

    assert.equal((await api.get('/healthz')).status, 200);
    assert.deepEqual(await countWritten(stack), before);
  });
});

describe('a body is also taken', () => {
  const taken: [name: string, body: string | Buffer, headers: Record<string, string>][] = [
    ['in UTF-8 by name', GOOD, { 'content-type': 'application/json; charset=UTF-8' }],
    ['with a type in capitals', GOOD, { 'content-type': 'Application/JSON' }],
    [
      'with a byte order mark',
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(GOOD)]),
      JSON_TYPE,
    ],
    ['by gzip', gzipSync(GOOD), { 'content-encoding': 'gzip' }],
    ['by brotli', brotliCompressSync(GOOD), { 'content-encoding': 'br' }],
  ];
  for (const [name, body, headers] of taken) {
    it(name, async () => {
      const answer = await api.postRaw(body, headers);

      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.body.prompt, 'A fox');
    });
  }
});
