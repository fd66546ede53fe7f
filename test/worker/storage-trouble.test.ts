import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import {
  type Fate,
  type FaultProxy,
  firstTimes,
  type ProxiedRequest,
  startFaultProxy,
} from '../support/fault-proxy.ts';
import { createGenerations, type Generations, type Row } from '../support/generations.ts';
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
afterEach(() => supabase.passAll());
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

const isUploadOf =
  (id: string) =>
  ({ method, path }: ProxiedRequest) =>
    method === 'POST' && path.includes(`/storage/v1/object/generated-images/anonymous/${id}/`);

async function assertOneImage(row: Row): Promise<void> {
  assert.deepEqual(
    [row.status, row.attempt, row.failures, row.billable_calls, generations.calls(row.id)],
    ['succeeded', 1, 0, 1, 1],
    JSON.stringify(row.error),
  );
  assert.deepEqual(await generations.objects(row.id), ['1.png']);
  const file = await fetch(row.image_url ?? '');
  assert.equal((await file.bytes()).length, row.bytes);
}

for (const [what, times, fate] of [
  ['503', 3, { status: 503 }],
  ['500 with a page of HTML', 1, { status: 500, body: '<html></html>' }],
  ['429', 1, { status: 429, body: '{"statusCode":"429","error":"slow","message":"slow down"}' }],
  ['a cut connection', 2, 'cut'],
  ['an answer that was lost after the upload', 2, 'lose'],
  ['half of an answer', 1, 'halve'],
] as const) {
  test(`an upload that meets ${what} is repeated, and the call is not`, async () => {
    const id = await generations.submit('[[sim:fault=hold:ok]]');
    const uploads = isUploadOf(id);
    supabase.decide(firstTimes(times, uploads, fate));
    await stack.gemini.control.waitForCall(id);
    stack.gemini.control.release(id);

    const row = await generations.waitForEnd(id);

    await assertOneImage(row);
    assert.equal(supabase.requests.filter(uploads).length, times + 1);
  });
}

test('a bucket that is gone is made again, and the image is stored in it', async () => {
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.control.waitForCall(id);
  await emptyImagesBucket();
  const { error } = await stack.supabase.storage.deleteBucket('generated-images');
  assert.equal(error, null);
  stack.gemini.control.release(id);

  const row = await generations.waitForEnd(id);

  await assertOneImage(row);
});

test('an image that Storage refuses fails the row, which has cost what it cost', async () => {
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  const tooLarge =
    '{"statusCode":"413","error":"Payload too large","message":"The object exceeded the maximum allowed size"}';
  supabase.decide(firstTimes(1, isUploadOf(id), { status: 400, body: tooLarge }));
  await stack.gemini.control.waitForCall(id);
  stack.gemini.control.release(id);

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.error_code, row.billable_calls], ['failed', 'storage_failed', 1]);
  assert.ok(Number(row.cost_usd) > 0.03);
  assert.equal(generations.calls(id), 1);
});

test('a row waits before any call while Storage does not say whether there is an image already', async () => {
  const id = await generations.submit('[[sim:fault=503*1]]');
  supabase.decide(({ path, body }) =>
    path.includes('/object/list/') && body.includes(id) ? { status: 503 } : 'pass',
  );

  const waiting = await generations.waitUntil(id, (row) => row.error?.code === 'storage_failed');
  supabase.passAll();
  await stack.sql('update public.generated_images set not_before = now() where id = $1', [id]);
  const row = await generations.waitForEnd(id);

  assert.deepEqual([waiting.status, waiting.failures, waiting.billable_calls], ['pending', 1, 0]);
  assert.deepEqual([row.status, row.billable_calls, generations.calls(id)], ['succeeded', 1, 2]);
});

test('an upload that is slow keeps its claim alive for as long as it takes', async () => {
  const id = await generations.submit('[[sim:fault=hold:ok]]');
  const { promise: goOn, resolve } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const uploads = isUploadOf(id);
  supabase.decide(async (request): Promise<Fate> => {
    if (!uploads(request)) return 'pass';
    arrive();
    await goOn;
    return 'pass';
  });
  await stack.gemini.control.waitForCall(id);
  stack.gemini.control.release(id);
  await arrived;
  await beatsFrom(performance.now(), 3);
  resolve();

  const row = await generations.waitForEnd(id);

  await assertOneImage(row);
});

/** Waits for beats of the worker that arrive after `from`. */
async function beatsFrom(from: number, count: number): Promise<void> {
  await generations.waitFor(async () => {
    const beats = supabase.requests.filter(({ path, at }) => path.endsWith('/beat_worker') && at > from);
    assert.ok(beats.length >= count);
  });
}

async function emptyImagesBucket(): Promise<void> {
  const bucket = stack.supabase.storage.from('generated-images');
  const { data: folders } = await bucket.list('anonymous');
  for (const { name } of folders ?? []) {
    const objects = await generations.objects(name);
    await bucket.remove(objects.map((object) => `anonymous/${name}/${object}`));
  }
}
