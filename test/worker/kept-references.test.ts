import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { keepDownloads } from '../../src/worker/kept-downloads.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
let gemini: FaultProxy;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
  gemini = await startFaultProxy(stack.gemini.url);
  await stack.startWorker({
    SUPABASE_URL: supabase.url,
    SUPABASE_PUBLIC_URL: stack.supabaseUrl,
    GEMINI_BASE_URL: gemini.url,
  });
});
afterEach(() => supabase.passAll());
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
  await gemini.close();
});

async function upload(bytes: Buffer, path = `${randomUUID()}/reference.png`) {
  const options = { contentType: 'image/png', upsert: true };
  const { error } = await stack.supabase.storage.from('reference-images').upload(path, bytes, options);
  if (error) throw error;
  return { bucket: 'reference-images', path };
}

/** Downloads that have gone out since `from`; questions about the object's version are none. */
const downloads = (path: string, from = 0) =>
  supabase.requests
    .slice(from)
    .filter((one) => one.method === 'GET' && one.path.includes(path) && !one.path.includes('/object/info/'));

const makeAll = async (count: number, reference: { bucket: string; path: string }) => {
  const ids = await generations.submitMany(count, '', { reference_images: [reference] });
  for (const id of ids) assert.equal((await generations.waitForEnd(id)).status, 'succeeded');
  return ids;
};

describe('the reference images of a worker', () => {
  test('are downloaded once for many images', async () => {
    const reference = await upload(await plainPicture(64, 64));

    await makeAll(12, reference);

    assert.equal(downloads(reference.path).length, 1);
  });

  test('that were replaced are downloaded again, and the new ones are sent', async () => {
    const reference = await upload(await plainPicture(64, 64));
    await makeAll(2, reference);
    const replaced = await plainPicture(48, 48);
    await upload(replaced, reference.path);
    const from = supabase.requests.length;

    await makeAll(1, reference);

    assert.equal(downloads(reference.path, from).length, 1);
    assert.ok(gemini.requests.at(-1)?.body.includes(replaced.toString('base64')));
  });

  test('that are gone are not made up from what was kept', async () => {
    const reference = await upload(await plainPicture(64, 64));
    await makeAll(1, reference);
    await stack.supabase.storage.from('reference-images').remove([reference.path]);

    const [id = ''] = await generations.submitMany(1, '', { reference_images: [reference] });

    assert.equal((await generations.waitForEnd(id)).error_code, 'reference_unreadable');
  });

  test('that could not be had are asked for again', async () => {
    const reference = await upload(await plainPicture(64, 64));
    supabase.decide(({ path }) =>
      path.includes(reference.path) && !path.includes('/info/') ? 'cut' : 'pass',
    );
    const [id = ''] = await generations.submitMany(1, '', { reference_images: [reference] });
    await generations.waitUntil(id, (row) => row.error !== null);
    supabase.passAll();
    await stack.sql('update public.generated_images set not_before = now() where id = $1', [id]);

    assert.equal((await generations.waitForEnd(id)).status, 'succeeded');
  });
});

describe('downloads that are kept', () => {
  /** Objects of `bytes` each, whose downloads end when they are let go. */
  function createObjects(bytes: number) {
    const started: string[] = [];
    const versions = new Map<string, string>();
    let gate = Promise.resolve();
    return {
      started,
      versions,
      hold() {
        const held = Promise.withResolvers<void>();
        gate = held.promise;
        return held.resolve;
      },
      storage: {
        objectVersion: async (_bucket: string, path: string) => versions.get(path) ?? '1',
        download: async (_bucket: string, path: string) => {
          started.push(path);
          await gate;
          return Buffer.alloc(bytes);
        },
      },
    };
  }
  const limits = { mostBytes: 1_000 };

  test('go by bytes and by number, those that were used longest ago first', async () => {
    for (const bounds of [{ mostBytes: 200 }, { mostObjects: 2 }]) {
      const { storage, started } = createObjects(100);
      const kept = keepDownloads(storage, bounds);

      for (const path of ['a', 'b', 'a', 'c', 'a', 'c', 'b']) await kept.download('bucket', path, limits);

      assert.deepEqual(started, ['a', 'b', 'c', 'b'], JSON.stringify(bounds));
    }
  });

  test('larger than all that may be kept are not', async () => {
    const { storage, started } = createObjects(300);
    const kept = keepDownloads(storage, { mostBytes: 200 });

    for (const path of ['a', 'a']) assert.equal((await kept.download('bucket', path, limits)).length, 300);

    assert.deepEqual(started, ['a', 'a']);
  });

  test('under way are waited for by all who ask for that version, and one who leaves takes nothing from the others', async () => {
    const { storage, started, versions, hold } = createObjects(100);
    const letGo = hold();
    const kept = keepDownloads(storage);
    const leaver = new AbortController();

    const first = kept.download('bucket', 'a', { ...limits, signal: leaver.signal });
    const others = [kept.download('bucket', 'a', limits), kept.download('bucket', 'a', limits)];
    const left = assert.rejects(first, { name: 'AbortError' });
    await new Promise(setImmediate);
    leaver.abort();
    await left;
    versions.set('a', '2');
    const newer = kept.download('bucket', 'a', limits);
    await new Promise(setImmediate);
    letGo();

    assert.equal((await Promise.all([...others, newer])).length, 3);
    assert.deepEqual(started, ['a', 'a']);
  });
});
