import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { sniffMimeType } from '../../src/worker/inspect-image.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { HOST, SECRET, startUrlStack, type UrlStack } from './url-stack.ts';

let setup: UrlStack;
before(async () => {
  setup = await startUrlStack();
});
after(() => setup.stop());

/** A PNG whose header promises so many pixels, and which has none of them. */
function pngOf(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const content = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(content));
    return Buffer.concat([length, content, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const chunks = [chunk('IHDR', header), chunk('IDAT', Buffer.alloc(9)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]);
}

function pour(response: ServerResponse): void {
  const chunk = Buffer.alloc(256 * 1024);
  const more = () => {
    while (!response.destroyed) if (!response.write(chunk)) return void response.once('drain', more);
  };
  more();
}

const redirectTo = (location: string) => (response: ServerResponse) =>
  response.writeHead(302, { location }).end();
const unreadables: [
  what: string,
  answer: (response: ServerResponse) => void,
  told: RegExp,
  again?: boolean,
][] = [
  ['is not there', (response) => response.writeHead(404).end(), /was answered with 404\.$/],
  ['is forbidden', (response) => response.writeHead(403).end(SECRET), /was answered with 403\.$/],
  [
    'is a page',
    (response) => response.end('<!doctype html><img>'),
    /is no PNG, JPEG or WebP that can be read\.$/,
  ],
  [
    'is an SVG',
    (response) => response.end('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    /is no PNG, JPEG or WebP/,
  ],
  ['is empty', (response) => response.end(), /is no PNG, JPEG or WebP/],
  ['has too many pixels', (response) => response.end(pngOf(60_000, 60_000)), /is no PNG, JPEG or WebP/],
  ['never ends', pour, /has more than 10485760 bytes\.$/],
  ['leads to itself', redirectTo('?again'), /leads through more than 3 redirects\.$/],
  ['leads to metadata', redirectTo('https://169.254.169.254/'), /has no public address\.$/],
  ['leads to http', redirectTo(`http://${HOST}/?${SECRET}`), /leads to what is no plain https address\.$/],
  [
    'is of a server in trouble',
    (response) => response.writeHead(503).end(),
    /was answered with 503\.$/,
    true,
  ],
  [
    'is of a server that hangs up',
    (response) => response.destroy(),
    /cannot be reached \(ECONNRESET\)\.$/,
    true,
  ],
];
for (const [what, answer, told, again = false] of unreadables) {
  test(`an address of what ${what} fails the row for good, at no cost`, async () => {
    setup.pictures.answer((_request, response) => void answer(response));
    const stored = await setup.upload(await plainPicture(8, 8));

    const id = await setup.generations.submit('', {
      reference_images: [stored, { url: setup.urlOf('/a.png') }],
    });

    const row = await setup.generations.waitForEnd(id);
    assert.deepEqual(
      [row.status, row.error_code, row.error?.retryable, row.attempt],
      ['failed', 'reference_unreadable', again, 1],
    );
    const message = String(row.error?.message);
    assert.match(message, told);
    assert.ok(message.startsWith(`Reference image 2 (${HOST}:${setup.pictures.port}) `), message);
    assert.deepEqual([row.billable_calls, row.cost_usd, setup.generations.calls(id)], [0, null, 0]);
    await setup.generations.waitFor(async () => assert.equal(setup.pictures.connections().open, 0));
  });
}

test('the number of its pixels is all that is wrong with that picture', async () => {
  assert.equal(await sniffMimeType(pngOf(600, 600)), 'image/png');
});

test('a host without a public address is told without what stands behind it', async () => {
  for (const host of ['unknown.test', '10.0.0.7', '[::1]:8080']) {
    const id = await setup.generations.submit('', {
      reference_images: [{ url: `https://${host}/a.png?${SECRET}` }],
    });

    const row = await setup.generations.waitForEnd(id);
    assert.equal(row.error?.message, `Reference image 1 (${host}) has no public address.`);
    assert.equal(setup.generations.calls(id), 0);
  }
});

test('no log line and no kept error tells an address', async () => {
  const kept = await setup.stack.sql(
    `select 1 from public.generated_images where error::text like $1
     union all select 1 from public.generation_events e where e::text like $1`,
    [`%${SECRET}%`],
  );

  assert.deepEqual(kept, []);
  assert.match(setup.logged(), /reference_unreadable/);
  for (const secret of [SECRET, 'a.png', HOST]) assert.ok(!setup.logged().includes(secret), secret);
});
