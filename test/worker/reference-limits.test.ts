import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { type FetchUrl, UrlError } from '../../src/worker/fetch-url.ts';
import { fetchReferenceImages } from '../../src/worker/reference-images.ts';
import { createShrinkImage } from '../../src/worker/shrink-image.ts';
import { noisePicture, plainPicture } from '../support/gemini-answers.ts';

const MIB = 1024 * 1024;
const storage = { download: () => Promise.reject(new Error('nothing of this is stored')) };
const urls = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ url: `https://${at}.test/?secret` }));
const shrinkImage = createShrinkImage();
const signal = new AbortController().signal;
/** What the references of these addresses come to, each answered with one of `pictures`, again and again. */
const fetchPictures = (count: number, ...pictures: Buffer[]) => {
  let next = 0;
  const fetchUrl: FetchUrl = async () => pictures[next++ % pictures.length] as Buffer;
  return fetchReferenceImages({ storage, fetchUrl, shrinkImage }, urls(count), signal);
};

test('each address has 15 s, and all together a minute', async (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const picture = await plainPicture(8, 8);
  const given: number[] = [];
  const fetchUrl: FetchUrl = async (_address, { withinMs }) => {
    given.push(withinMs);
    now += Math.min(withinMs, 14_000);
    return picture;
  };

  await fetchReferenceImages({ storage, fetchUrl, shrinkImage }, urls(6), signal);

  assert.deepEqual(given, [15_000, 15_000, 15_000, 15_000, 4_000, 1]);
});

test('each address may have 10 MiB', async () => {
  const given: number[] = [];
  const fetchUrl: FetchUrl = async (_address, { mostBytes }) => {
    given.push(mostBytes);
    return plainPicture(8, 8);
  };

  await fetchReferenceImages({ storage, fetchUrl, shrinkImage }, urls(2), signal);

  assert.deepEqual(given, [10 * MIB, 10 * MIB]);
});

test('bytes stay as they are while there is room for all', async () => {
  const [large, small] = [await noisePicture(1_850, 1_850, 'png'), await plainPicture(8, 8)];

  const images = await fetchPictures(6, small, small, small, small, small, large);

  assert.ok(large.length > 8 * MIB);
  assert.deepEqual(images.at(-1), { mimeType: 'image/png', bytes: large });
});

test('fourteen of 9 MB go to the model together, each within its share', async () => {
  const large = await noisePicture(1_850, 1_850, 'png');

  const images = await fetchPictures(14, large);

  assert.equal(images.length, 14);
  assert.ok(images.reduce((sum, { bytes }) => sum + bytes.length, 0) <= 14 * MIB);
  for (const { mimeType, bytes } of images) {
    assert.equal(mimeType, 'image/jpeg');
    const { width = 0, height } = await sharp(bytes).metadata();
    assert.ok(width >= 1_024 && width === height, `${width}x${height}`);
  }
});

test('the images of one dataset are made smaller once', async () => {
  const large = await noisePicture(1_850, 1_850, 'png');
  const first = await fetchPictures(3, large);

  const again = await fetchPictures(3, large);

  // The very same buffers: nothing was decoded for them.
  assert.deepEqual(
    again.map(({ bytes }, at) => bytes === first[at]?.bytes),
    [true, true, true],
  );
});

test('a picture that is made smaller stays upright, and transparent where it was', async () => {
  const lying = await sharp(await noisePicture(2_000, 3_000, 'jpeg'))
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 100 })
    .toBuffer();
  const clear = await sharp(await noisePicture(1_400, 1_400, 'png'))
    .ensureAlpha(0.25)
    .png()
    .toBuffer();

  const [one, other] = await fetchPictures(14, lying, clear);

  const [upright, transparent] = [sharp(one?.bytes), sharp(other?.bytes)];
  const { width, height, orientation } = await upright.metadata();
  assert.ok(width > height && orientation === undefined, `${width}x${height}, ${orientation}`);
  const { channels } = await transparent.stats();
  const alpha = channels[3]?.mean ?? 255;
  assert.ok(Math.abs(alpha - 64) < 4, `${alpha}`);
});

test('a large one that breaks off cannot be made smaller, and says so', async () => {
  const large = await noisePicture(1_850, 1_850, 'png');
  const broken = large.subarray(0, 6 * MIB);

  await assert.rejects(fetchPictures(14, broken), {
    name: 'GenerationError',
    code: 'reference_unreadable',
    message: `Reference image 1 (0.test) has ${6 * MIB} bytes and cannot be made smaller.`,
    errorClass: 'permanent',
    billed: false,
  });
});

test('a stopped image makes no pictures smaller', async () => {
  const stop = new AbortController();
  const large = await noisePicture(1_850, 1_850, 'png');
  const fetchUrl: FetchUrl = async () => {
    stop.abort(new Error('stopped'));
    return large;
  };

  await assert.rejects(fetchReferenceImages({ storage, fetchUrl, shrinkImage }, urls(14), stop.signal), {
    message: 'stopped',
  });
});

test('what is wrong with an address is told by its place and its host', async () => {
  const picture = await plainPicture(8, 8);
  const fetchUrl: FetchUrl = async (address) => {
    if (address.includes('//2.test')) throw new UrlError('was answered with 503', { temporary: true });
    return picture;
  };

  await assert.rejects(fetchReferenceImages({ storage, fetchUrl, shrinkImage }, urls(4), signal), {
    code: 'reference_unreadable',
    message: 'Reference image 3 (2.test) was answered with 503.',
    errorClass: 'permanent',
    retryable: true,
    billed: false,
  });
});

test('a mistake of ours is none of the address', async () => {
  const mistake = new TypeError('undefined is not a function');

  const fetching = fetchReferenceImages(
    { storage, fetchUrl: () => Promise.reject(mistake), shrinkImage },
    urls(1),
    signal,
  );

  await assert.rejects(fetching, (error) => error === mistake);
});
