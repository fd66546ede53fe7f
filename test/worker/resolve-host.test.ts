import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { createResolveHost } from '../../src/worker/resolve-host.ts';

/** What the DNS server says of a name: addresses by the type of the question (1: A, 28: AAAA), a code, or nothing at all. */
type Said = { 1?: number[][]; 28?: number[][] } | { code: number } | 'nothing';
const NAMES: Record<string, Said> = {
  'both.test': {
    1: [
      [192, 0, 2, 7],
      [192, 0, 2, 8],
    ],
    28: [[0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 9]],
  },
  'only4.test': { 1: [[10, 0, 0, 7]] },
  'empty.test': {},
  'unknown.test': { code: 3 },
  'broken.test': { code: 2 },
  'mute.test': 'nothing',
};

let server: Socket;
let resolve: ReturnType<typeof createResolveHost>;
const asked: string[] = [];
before(async () => {
  server = createSocket('udp4', (question, { port, address }) => {
    const answer = answerQuestion(question);
    if (answer) server.send(answer, port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  resolve = createResolveHost([`127.0.0.1:${server.address().port}`]);
});
after(() => server.close());

/** RFC 1035, 4.1: the question again, then an answer for each address. */
function answerQuestion(question: Buffer): Buffer | null {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const type = question.readUInt16BE(at + 1) as 1 | 28;
  const name = labels.join('.').toLowerCase();
  asked.push(name);
  const said = NAMES[name] ?? { code: 3 };
  if (said === 'nothing') return null;
  const addresses = 'code' in said ? [] : (said[type] ?? []);
  const header = Buffer.alloc(12);
  question.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | ('code' in said ? said.code : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(addresses.length, 6);
  const answers = addresses.map((bytes) =>
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length, ...bytes]),
  );
  return Buffer.concat([header, question.subarray(12, at + 5), ...answers]);
}

const running = () => new AbortController().signal;

test('a name has all its addresses of both kinds', async () => {
  assert.deepEqual(await resolve('both.test', running()), ['192.0.2.7', '192.0.2.8', '2001:db8::9']);
  assert.deepEqual(await resolve('only4.test', running()), ['10.0.0.7']);
});

test('a name that is not there, has no address or is no name has none', async () => {
  for (const host of ['unknown.test', 'empty.test', `${'a'.repeat(64)}.test`, 'a..test']) {
    assert.deepEqual(await resolve(host, running()), [], host);
  }
});

test('names of this machine are none of the internet', async () => {
  assert.deepEqual(await resolve('localhost', running()), []);
});

test('a server that cannot say is no answer', async () => {
  await assert.rejects(resolve('broken.test', running()), { code: 'ESERVFAIL' });
});

test('an abort ends the wait for a server that says nothing', async () => {
  const controller = new AbortController();
  const waiting = resolve('mute.test', controller.signal);
  while (!asked.includes('mute.test')) await once(server, 'message');

  controller.abort();

  await assert.rejects(waiting, { code: 'ECANCELLED' });
  await assert.rejects(resolve('both.test', controller.signal), { name: 'AbortError' });
});
