import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { noisePicture, plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
  await stack.startWorker({ SUPABASE_URL: supabase.url, SUPABASE_PUBLIC_URL: stack.supabaseUrl });
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

async function upload(bytes: Buffer) {
  const path = `${randomUUID()}/reference.png`;
  const { error } = await stack.supabase.storage
    .from('reference-images')
    .upload(path, bytes, { contentType: 'image/png' });
  if (error) throw error;
  return { bucket: 'reference-images', path };
}

/** A picture of noise, which no format makes smaller. */
async function largePicture(bytes: number): Promise<Buffer> {
  const picture = await plainPicture(16, 16);
  return Buffer.concat([picture, randomBytes(bytes - picture.length)]);
}

async function assertUnreadable(id: string, message: RegExp): Promise<void> {
  const row = await generations.waitForEnd(id);
  assert.deepEqual(
    [row.status, row.error_code, row.error?.retryable],
    ['failed', 'reference_unreadable', false],
  );
  assert.match(String(row.error?.message), message);
  assert.deepEqual([row.billable_calls, row.cost_usd, generations.calls(id)], [0, null, 0]);
}

test('a reference image that is not there fails the row for good, at no cost', async () => {
  const missing = { bucket: 'reference-images', path: `${randomUUID()}/missing.png` };

  const id = await generations.submit('', { reference_images: [missing] });

  await assertUnreadable(id, /missing\.png cannot be read/);
});

test('a bucket that is not there is as a reference image that is not there', async () => {
  const id = await generations.submit('', {
    reference_images: [{ bucket: 'no-such-bucket', path: 'a.png' }],
  });

  await assertUnreadable(id, /no-such-bucket\/a\.png cannot be read/);
});

test('a reference that is no image fails the row for good, at no cost', async () => {
  const text = await upload(Buffer.from('this is no image'));

  const id = await generations.submit('', { reference_images: [text] });

  await assertUnreadable(id, /is no PNG, JPEG or WebP/);
});

test('a dataset full of large images is made into an image', async () => {
  const large = await upload(await noisePicture(1_850, 1_850, 'png'));

  const id = await generations.submit('', { reference_images: Array.from({ length: 14 }, () => large) });

  // The simulator refuses more than 20 MB, as Gemini does.
  const row = await generations.waitForEnd(id);
  assert.deepEqual([row.status, row.failures, generations.calls(id)], ['succeeded', 0, 1]);
});

test('an object of more than 32 MB is no reference image, and is not read to its end', async () => {
  const huge = await upload(await largePicture(33 * 1024 * 1024));

  const id = await generations.submit('', { reference_images: [huge] });

  await assertUnreadable(id, /has more than 33554432 bytes/);
});

for (const trouble of ['cut', 'halve', { status: 503 }] as const) {
  test(`a row waits, at no cost, while Storage answers a download with ${JSON.stringify(trouble)}`, async () => {
    const picture = await upload(await plainPicture(256, 256));
    supabase.decide(({ path }) => (path.includes(picture.path) ? trouble : 'pass'));
    const id = await generations.submit('', { reference_images: [picture] });

    const waiting = await generations.waitUntil(id, (row) => row.error !== null);
    supabase.passAll();
    await stack.sql('update public.generated_images set not_before = now() where id = $1', [id]);
    const row = await generations.waitForEnd(id);

    assert.deepEqual(
      [waiting.status, waiting.failures, waiting.billable_calls, waiting.error?.code],
      ['pending', 0, 0, 'storage_failed'],
    );
    assert.deepEqual(
      [row.status, row.failures, row.billable_calls, row.attempt, generations.calls(id)],
      ['succeeded', 0, 1, 2, 1],
    );
  });
}
