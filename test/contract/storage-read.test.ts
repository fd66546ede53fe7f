import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
let open: string;
let closed: string;
before(async () => {
  target = await startContractTarget();
  [open, closed] = [target.name('open'), target.name('closed')];
  await target.service.storage.createBucket(open, { public: true });
  await target.service.storage.createBucket(closed, { public: false });
  const options = { contentType: 'image/png', cacheControl: '31536000' };
  await target.service.storage.from(open).upload('folder/a.png', '0123456789', options);
  await target.service.storage.from(closed).upload('folder/a.png', '0123456789', options);
});
after(() => target.close());

const publicUrl = (key: string) => `${target.url}/storage/v1/object/public/${open}/${key}`;
const missing = { statusCode: '404', error: 'not_found', message: 'Object not found', code: 'NoSuchKey' };
const missingBucket = {
  statusCode: '404',
  error: 'Bucket not found',
  message: 'Bucket not found',
  code: 'NoSuchBucket',
};

describe('a public URL', () => {
  it('gives bytes, stored type, cache control, MD5 etag and the rest of the headers', async () => {
    const response = await fetch(publicUrl('folder/a.png'));
    const headers = Object.fromEntries(response.headers);
    assert.equal(await response.text(), '0123456789');
    assert.equal(headers.etag, `"${createHash('md5').update('0123456789').digest('hex')}"`);
    assert.equal(headers['content-type'], 'image/png');
    assert.equal(headers['cache-control'], 'max-age=31536000');
    assert.equal(headers['content-length'], '10');
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers['x-robots-tag'], 'none');
    assert.ok(Date.parse(headers['last-modified'] ?? '') <= Date.now());
  });

  it('is the one that getPublicUrl() makes', () => {
    const { data } = target.service.storage.from(open).getPublicUrl('folder/a.png');
    assert.equal(data.publicUrl, publicUrl('folder/a.png'));
  });

  it('gives the same headers to HEAD and no bytes', async () => {
    const response = await fetch(publicUrl('folder/a.png'), { method: 'HEAD' });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-length'), '10');
    assert.equal(await response.text(), '');
  });

  const ranges: [range: string, content: string, text: string][] = [
    ['bytes=2-4', 'bytes 2-4/10', '234'],
    ['bytes=8-', 'bytes 8-9/10', '89'],
    ['bytes=-3', 'bytes 7-9/10', '789'],
    ['bytes=5-99', 'bytes 5-9/10', '56789'],
  ];
  for (const [range, content, text] of ranges) {
    it(`gives ${range} as 206`, async () => {
      const response = await fetch(publicUrl('folder/a.png'), { headers: { range } });
      assert.deepEqual(
        [response.status, response.headers.get('content-range'), await response.text()],
        [206, content, text],
      );
    });
  }

  it('is 416 for a range that the object does not have', async () => {
    for (const range of ['bytes=10-', 'bytes=4-2', 'bytes=x']) {
      const response = await fetch(publicUrl('folder/a.png'), { headers: { range } });
      assert.equal(response.status, 416);
      assert.deepEqual(await response.json(), {
        statusCode: '416',
        error: 'invalid_range',
        message: 'invalid range provided',
        code: 'InvalidRange',
      });
    }
  });

  it('is 304 for an etag that still holds', async () => {
    const etag = (await fetch(publicUrl('folder/a.png'))).headers.get('etag') ?? '';
    const same = await fetch(publicUrl('folder/a.png'), { headers: { 'if-none-match': etag } });
    const other = await fetch(publicUrl('folder/a.png'), { headers: { 'if-none-match': '"x"' } });
    assert.deepEqual([same.status, await same.text()], [304, '']);
    assert.equal(other.status, 200);
  });

  it('names a file with ?download=', async () => {
    const named = await fetch(`${publicUrl('folder/a.png')}?download=my%20cat.png`);
    const bare = await fetch(`${publicUrl('folder/a.png')}?download=`);
    assert.equal(
      named.headers.get('content-disposition'),
      "attachment; filename=my%20cat.png; filename*=UTF-8''my%20cat.png",
    );
    assert.equal(bare.headers.get('content-disposition'), 'attachment;');
  });

  it('does not serve HTML as HTML', async () => {
    await target.service.storage.from(open).upload('page', '<p>', { contentType: 'text/html' });
    assert.equal((await fetch(publicUrl('page'))).headers.get('content-type'), 'text/plain');
  });

  it('may be read by pages of any origin', async () => {
    const response = await fetch(publicUrl('folder/a.png'), { headers: { origin: 'http://page.test' } });
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
  });

  it('tells a browser in advance that its pages may send what they want to', async () => {
    const response = await fetch(`${target.url}/storage/v1/object/${closed}/a.png`, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://page.test',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-upsert',
      },
    });
    const allowed = (what: string) => response.headers.get(`access-control-allow-${what}`);
    assert.ok(response.ok);
    assert.equal(allowed('origin'), '*');
    assert.match(allowed('methods') ?? '', /POST/);
    assert.match(allowed('headers') ?? '', /authorization, ?x-upsert/i);
  });

  it('of a missing object, a missing bucket and a private bucket is 400 with 404 in the body', async () => {
    const object = await fetch(publicUrl('folder/b.png'));
    const bucket = await fetch(`${target.url}/storage/v1/object/public/${target.name('none')}/a`);
    const hidden = await fetch(`${target.url}/storage/v1/object/public/${closed}/folder/a.png`);
    assert.deepEqual([object.status, await object.json()], [400, missing]);
    assert.deepEqual([bucket.status, await bucket.json()], [400, missingBucket]);
    assert.deepEqual([hidden.status, await hidden.json()], [400, missingBucket]);
  });
});

describe('a private bucket', () => {
  it('gives its objects to service_role', async () => {
    const { data } = await target.service.storage.from(closed).download('folder/a.png');
    assert.equal(await data?.text(), '0123456789');
  });

  it('hides its objects from anon, and itself from strangers', async () => {
    const path = `/object/${closed}/folder/a.png`;
    const anon = await target.storage(path, { headers: { authorization: `Bearer ${target.anonKey}` } });
    const stranger = await fetch(`${target.url}/storage/v1${path}`);
    assert.deepEqual(await anon.json(), missing);
    assert.deepEqual(await stranger.json(), missingBucket);
  });
});

describe('what is known of an object', () => {
  it('comes without its bytes', async () => {
    const { data } = await target.service.storage.from(closed).info('folder/a.png');
    assert.equal(data?.name, 'folder/a.png');
    assert.equal(data?.bucketId, closed);
    assert.deepEqual([data?.size, data?.contentType], [10, 'image/png']);
    assert.deepEqual(data?.metadata, {});
    assert.ok(data?.createdAt && data?.lastModified && data?.etag && data?.version && data?.id);
  });

  it('is 404 in the body when there is no such object', async () => {
    const response = await target.storage(`/object/info/${closed}/none`);
    assert.deepEqual([response.status, await response.json()], [400, missing]);
  });

  it('tells exists() yes, or no with an error beside it', async () => {
    const files = target.service.storage.from(closed);
    const there = await files.exists('folder/a.png');
    const gone = await files.exists('folder/none.png');
    assert.deepEqual([there.data, there.error], [true, null]);
    assert.deepEqual([gone.data, gone.error?.message], [false, 'Object not found']);
  });
});

it('an unknown Storage route is 404', async () => {
  const response = await target.storage('/unknown');
  assert.deepEqual(await response.json(), {
    statusCode: '404',
    error: 'Not Found',
    message: 'Route GET:/storage/v1/unknown not found',
    code: 'InvalidRequest',
  });
  assert.equal(response.status, 404);
});
