import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
let bucket: string;
before(async () => {
  target = await startContractTarget();
  bucket = target.name('uploads');
  await target.service.storage.createBucket(bucket, { public: true });
});
after(() => target.close());

const files = () => target.service.storage.from(bucket);
const read = async (key: string) => (await fetch(files().getPublicUrl(key).data.publicUrl)).text();

/** A plain upload: what came back, read. */
async function post(key: string, init: RequestInit & { duplex?: 'half' } = {}) {
  const response = await target.storage(`/object/${bucket}/${key}`, { method: 'POST', body: 'x', ...init });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

describe('an upload', () => {
  it('answers key and id, and is there', async () => {
    const { status, body } = await post('plain.txt');
    assert.equal(status, 200);
    assert.equal(body.Key, `${bucket}/plain.txt`);
    assert.match(body.Id ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(await read('plain.txt'), 'x');
  });

  it('keeps bytes, type, cache control and metadata of a Buffer, a Blob and a stream', async () => {
    const bytes = randomBytes(300_000);
    const bodies = {
      buffer: bytes,
      blob: new Blob([bytes], { type: 'image/png' }),
      stream: Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]),
    };
    for (const [kind, body] of Object.entries(bodies)) {
      const key = `kinds/${kind}.png`;
      const { error } = await files().upload(key, body, {
        contentType: 'image/png',
        cacheControl: '31536000',
        metadata: { kind, word: 'é' },
      });
      const info = await files().info(key);
      const { data } = await files().download(key);
      assert.equal(error, null);
      assert.deepEqual(info.data?.metadata, { kind, word: 'é' });
      assert.equal(info.data?.contentType, 'image/png');
      assert.equal(info.data?.cacheControl, 'max-age=31536000');
      assert.equal(info.data?.size, bytes.length);
      assert.ok(Buffer.from(await (data as Blob).arrayBuffer()).equals(bytes), `${kind} came back changed`);
    }
  });

  it('has the types and cache controls of the server where the request names none', async () => {
    await post('raw', { body: Buffer.from('x') });
    await files().upload('text', 'x');
    const raw = await files().info('raw');
    const text = await files().info('text');
    assert.deepEqual(
      [raw.data?.contentType, raw.data?.cacheControl],
      ['application/octet-stream', 'no-cache'],
    );
    assert.deepEqual(
      [text.data?.contentType, text.data?.cacheControl],
      ['text/plain;charset=UTF-8', 'max-age=3600'],
    );
  });

  it('onto an existing key is refused, with HTTP 400 and 409 in the body', async () => {
    await post('twice');
    const { status, body } = await post('twice');
    const { error } = await files().upload('twice', Buffer.alloc(2_000_000));
    assert.equal(status, 400);
    assert.deepEqual(body, {
      statusCode: '409',
      error: 'Duplicate',
      message: 'The resource already exists',
      code: 'KeyAlreadyExists',
    });
    assert.deepEqual([error?.status, error?.statusCode], [400, '409']);
    assert.equal(await read('twice'), 'x');
  });

  it('with upsert replaces bytes, type and cache control and keeps the id', async () => {
    const first = await files().upload('again', 'one', { contentType: 'text/a' });
    const options = { upsert: true, contentType: 'text/b', cacheControl: '7' };
    const second = await files().upload('again', 'two', options);
    const info = await files().info('again');
    assert.equal(second.data?.id, first.data?.id);
    assert.deepEqual([info.data?.contentType, info.data?.cacheControl], ['text/b', 'max-age=7']);
    assert.equal(await read('again'), 'two');
  });

  it('by update() also makes what was not there', async () => {
    const made = await files().update('updated', 'one');
    const changed = await files().update('updated', 'two');
    assert.deepEqual([made.error, changed.error], [null, null]);
    assert.equal(await read('updated'), 'two');
  });

  it('is no lock: what was asked before the bytes came does not hold when they end', async () => {
    // Whether the server has heard of a slow upload cannot be seen from here, so it is tried until it had.
    for (let round = 0; round < 20; round += 1) {
      const key = `raced/${round}`;
      const gate = Promise.withResolvers<void>();
      const sent = Promise.withResolvers<void>();
      const slow = Readable.from(
        (async function* () {
          yield 'slow ';
          sent.resolve();
          await gate.promise;
          yield 'one';
        })(),
      );
      const late = post(key, { body: Readable.toWeb(slow) as ReadableStream, duplex: 'half' });
      await sent.promise;
      const quick = await post(key, { body: 'quick one' });
      gate.resolve();
      const { status } = await late;
      if (status === 200) {
        assert.equal(quick.status, 200);
        assert.equal(await read(key), 'slow one');
        return;
      }
    }
    assert.fail('The slow upload was always refused');
  });

  it('of one key by six at a time leaves one whole object', async () => {
    const bodies = Array.from({ length: 6 }, (_, n) => String(n).repeat(100_000));
    const answers = await Promise.all(
      bodies.map((body) => post('six', { body, headers: { 'x-upsert': 'true' } })),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200, 200],
    );
    assert.ok(bodies.includes(await read('six')));
  });

  it('into a missing bucket is refused', async () => {
    const { error } = await target.service.storage.from(target.name('nowhere')).upload('a', 'x');
    assert.deepEqual([error?.statusCode, error?.message], ['404', 'Bucket not found']);
  });

  it('with a key outside the allowed ASCII set is refused', async () => {
    for (const key of ['a~b', 'a{b}', 'é.png', '%00', 'a%0ab', 'a%5Cb', '%7f']) {
      const { status, body } = await post(key);
      assert.deepEqual([status, body.code], [400, 'InvalidKey'], key);
    }
  });

  it('with every allowed character is kept under its own name', async () => {
    const key = "A/z9!-.*'() &$@=;:+,_/..x";
    await files().upload(key, 'x', { upsert: true });
    const { data } = await files().info(key);
    assert.equal(data?.name, key);
  });

  it('over the limit of its bucket is refused, whether or not its size is known before', async () => {
    const small = target.name('small');
    await target.service.storage.createBucket(small, { public: false, fileSizeLimit: 1000 });
    const body = Buffer.alloc(1001);
    const bodies = [body, new Blob([body]), Readable.from([body.subarray(0, 900), body.subarray(900)])];
    for (const each of bodies) {
      const { error } = await target.service.storage.from(small).upload('big', each);
      assert.deepEqual(
        [error?.status, error?.statusCode, error?.message],
        [400, '413', 'The object exceeded the maximum allowed size'],
      );
    }
    const fits = await target.service.storage.from(small).upload('fits', Buffer.alloc(1000));
    assert.equal(fits.error, null);
  });

  it('over 50 MiB is refused', async () => {
    const { error } = await files().upload('huge', Buffer.alloc(50 * 1024 * 1024 + 1));
    assert.equal(error?.statusCode, '413');
  });

  it('of a type that its bucket does not take is refused', async () => {
    const images = target.name('images');
    const allowedMimeTypes = ['image/*', 'text/plain'];
    await target.service.storage.createBucket(images, { public: false, allowedMimeTypes });
    const upload = (contentType: string) =>
      target.service.storage.from(images).upload('a', 'x', { contentType, upsert: true });
    const refused = await upload('application/pdf');
    assert.deepEqual(
      [refused.error?.statusCode, refused.error?.message],
      ['415', 'mime type application/pdf is not supported'],
    );
    assert.equal((await upload('text/plain;charset=UTF-8')).error?.statusCode, '415');
    assert.equal((await upload('image/webp')).error, null);
    assert.equal((await upload('text/plain')).error, null);
  });

  it('by anybody but service_role is refused by row level security', async () => {
    const { error } = await target.anon.storage.from(bucket).upload('by-anon', 'x');
    assert.deepEqual(
      [error?.status, error?.statusCode, error?.message],
      [400, '403', 'new row violates row-level security policy'],
    );
  });

  it('with a bad token is 403 in the body, without a token 400', async () => {
    const bad = await post('a', { headers: { authorization: `${target.serviceRoleKey}x` } });
    const url = `${target.url}/storage/v1/object/${bucket}/a`;
    const none = await fetch(url, { method: 'POST', body: 'x' });
    assert.deepEqual(bad.body, {
      statusCode: '403',
      error: 'Unauthorized',
      message: 'signature verification failed',
      code: 'AccessDenied',
    });
    assert.equal(none.status, 400);
    assert.deepEqual(await none.json(), {
      statusCode: '400',
      error: 'Error',
      message: "headers must have required property 'authorization'",
      code: 'InvalidRequest',
    });
  });
});
