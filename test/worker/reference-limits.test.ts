import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FetchUrl, UrlError } from '../../src/worker/fetch-url.ts';
import { fetchReferenceImages } from '../../src/worker/reference-images.ts';
import { plainPicture } from '../support/gemini-answers.ts';

const MIB = 1024 * 1024;
const storage = { download: () => Promise.reject(new Error('nothing of this is stored')) };
const urls = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ url: `https://${at}.test/?secret` }));
const signal = new AbortController().signal;

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

  await fetchReferenceImages({ storage, fetchUrl }, urls(6), signal);

  assert.deepEqual(given, [15_000, 15_000, 15_000, 15_000, 4_000, 1]);
});

test('each address may have 10 MiB, and all together 14', async () => {
  const picture = await plainPicture(8, 8);
  const given: number[] = [];
  const fetchUrl: FetchUrl = async (_address, { mostBytes }) => {
    given.push(mostBytes);
    return Buffer.concat([picture, Buffer.alloc(5 * MIB)]);
  };

  await assert.rejects(fetchReferenceImages({ storage, fetchUrl }, urls(14), signal), {
    name: 'GenerationError',
    code: 'reference_unreadable',
    message: /have more than 14680064 bytes together/,
  });

  assert.deepEqual(given, [10 * MIB, 10 * MIB, 10 * MIB]);
});

test('what is wrong with an address is told by its place and its host', async () => {
  const picture = await plainPicture(8, 8);
  const fetchUrl: FetchUrl = async (address) => {
    if (address.includes('//2.test')) throw new UrlError('was answered with 503', { temporary: true });
    return picture;
  };

  await assert.rejects(fetchReferenceImages({ storage, fetchUrl }, urls(4), signal), {
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
    { storage, fetchUrl: () => Promise.reject(mistake) },
    urls(1),
    signal,
  );

  await assert.rejects(fetching, (error) => error === mistake);
});
