import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { createThumbnails } from '../../src/worker/thumbnails.ts';
import { type Fate, type FaultProxy, type ProxiedRequest, startFaultProxy } from '../support/fault-proxy.ts';
import { answerCallsOf, geminiAnswer, noisePicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, type Row } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

/** Large enough for a thumbnail of its own. */
const LARGE = '[[sim:bytes=100000]]';

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

const objectUrl = (path: string | null) =>
  `${stack.supabaseUrl}/storage/v1/object/public/generated-images/${path}`;
const isThumbnailOf = (id: string, request: ProxiedRequest) =>
  request.method === 'POST' && request.path.includes(`/${id}/`) && request.path.endsWith('.thumb.webp');
/** What becomes of the upload of the thumbnail of this image. */
const meet = (id: string, fate: Fate) =>
  supabase.decide((request) => (isThumbnailOf(id, request) ? fate : 'pass'));
const strayOf = (id: string) =>
  stack.sql<{ folder: string }>('select folder from public.storage_cleanup where image_id = $1', [id]);

function assertPaidOnce(row: Row): void {
  assert.deepEqual(
    [row.status, row.attempt, row.billable_calls, generations.calls(row.id)],
    ['succeeded', 1, 1, 1],
  );
}

test('an image has a small WebP beside it, whose address the record tells', async () => {
  const { url } = await stack.startApi();
  const id = await generations.submit('', { full_prompt: 'A harbour', aspect_ratio: '16:9' });

  const row = await generations.waitForEnd(id);

  assert.equal(row.thumbnail_path, `anonymous/${id}/1.thumb.webp`);
  assert.deepEqual(await generations.objects(id), ['1.png', '1.thumb.webp']);
  const answer = await fetch(`${url}/ai/generated-images/${id}`);
  const record = (await answer.json()) as { thumbnail_url: string };
  assert.equal(record.thumbnail_url, objectUrl(row.thumbnail_path));
  const file = await fetch(record.thumbnail_url);
  assert.equal(file.headers.get('content-type'), 'image/webp');
  assert.match(String(file.headers.get('cache-control')), /max-age=31536000/);
  const { format, width, height } = await sharp(await file.bytes()).metadata();
  assert.deepEqual([row.width, row.height], [1376, 768]);
  assert.deepEqual([format, width, height], ['webp', 512, 286]);
});

test('an image of few pixels and many bytes is not enlarged', async () => {
  const id = uuidv7();
  answerCallsOf(gemini, id, [geminiAnswer([{ image: await noisePicture(200, 300, 'png') }])]);
  await generations.submit('', { id });

  const { thumbnail_path } = await generations.waitForEnd(id);

  const { width, height } = await sharp(await (await fetch(objectUrl(thumbnail_path))).bytes()).metadata();
  assert.deepEqual([width, height], [200, 300]);
});

test('an image with as few bytes as a thumbnail is its own', async () => {
  const id = await generations.submit();

  const row = await generations.waitForEnd(id);

  assert.equal(row.thumbnail_path, row.storage_path);
  assert.deepEqual(await generations.objects(id), ['1.png']);
});

test('an image whose pixels are broken has none', async () => {
  const id = uuidv7();
  const whole = await noisePicture(300, 300, 'png');
  answerCallsOf(gemini, id, [geminiAnswer([{ image: whole.subarray(0, whole.length / 2) }])]);
  await generations.submit('', { id });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.billable_calls, row.thumbnail_path], ['succeeded', 1, null]);
  assert.deepEqual(await strayOf(id), []);
});

for (const [what, fate] of [
  ['is away', { status: 503 }],
  ['loses its answer', 'lose'],
] as const) {
  test(`a Storage that ${what} costs the thumbnail only, and what it may have stored goes later`, async () => {
    const id = uuidv7();
    meet(id, fate);
    await generations.submit(LARGE, { id });

    const row = await generations.waitForEnd(id);

    assertPaidOnce(row);
    assert.equal(row.thumbnail_path, null);
    assert.deepEqual(await strayOf(id), [{ folder: `anonymous/${id}/1.thumb.webp` }]);
    await stack.sql('update public.storage_cleanup set due_at = now() where image_id = $1', [id]);
    await waitFor('the clean-up', async () => (await strayOf(id)).length === 0);
    assert.deepEqual(await generations.objects(id), ['1.png']);
  });
}

test('a thumbnail that Storage refuses is nowhere', async () => {
  const id = uuidv7();
  meet(id, { status: 400, body: '{"statusCode":"413","error":"Payload too large","message":"too large"}' });
  await generations.submit(LARGE, { id });

  const row = await generations.waitForEnd(id);

  assertPaidOnce(row);
  assert.deepEqual([row.thumbnail_path, await strayOf(id)], [null, []]);
});

test('an upload that does not end is given up after a while, and a cancel does not wait for it', async () => {
  const { log, lines } = createLogLines();
  const storage = { uploadThumbnail: () => new Promise<void>(() => undefined), download: assert.fail };
  const content = await noisePicture(200, 200, 'png');
  const image = { content, storage_path: 'a/b/1.png', bytes: content.length, width: 200, height: 200 };
  const unsure = { thumbnail_path: null, stray_path: 'a/b/1.thumb.webp' };
  const patient = createThumbnails({ storage, log });
  const canceled = new AbortController();

  const late = await createThumbnails({ storage, log, withinMs: 300 }).draw(
    image,
    new AbortController().signal,
  )();
  const stored = patient.draw(image, canceled.signal)();
  canceled.abort();

  assert.deepEqual(late, unsure);
  assert.equal((await stored).thumbnail_path, null);
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['thumbnail.failed'],
  );
});

test('a thumbnail that comes after its image was canceled goes in time', async () => {
  const id = uuidv7();
  const canceled = Promise.withResolvers<void>();
  supabase.decide(async (request): Promise<Fate> => {
    if (!isThumbnailOf(id, request)) return 'pass';
    await canceled.promise;
    return 'cut';
  });
  await generations.submit(LARGE, { id });
  await generations.waitFor(async () => {
    assert.ok(supabase.requests.some((request) => isThumbnailOf(id, request)));
  });

  await stack.supabase.rpc('cancel_generation', { p_id: id, p_user_id: null });
  const row = await generations.waitForEnd(id);
  canceled.resolve();

  assert.deepEqual([row.status, row.billable_calls, generations.calls(id)], ['canceled', 1, 1]);
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
  // As one that was on its way when its worker gave it up.
  const late = await stack.supabase.storage
    .from('generated-images')
    .upload(`anonymous/${id}/1.thumb.webp`, Buffer.from('late'), { contentType: 'image/webp' });
  assert.equal(late.error, null);
  await stack.sql('update public.storage_cleanup set due_at = now() where image_id = $1', [id]);
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
});

test('with an image its thumbnail is deleted', async () => {
  const { url } = await stack.startApi();
  const user = await stack.createUser();
  const id = await generations.submit(LARGE, { user_id: user.id });
  await generations.waitForEnd(id);

  const answer = await fetch(`${url}/ai/generated-images/${id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${user.token}` },
  });

  assert.equal(answer.status, 204);
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id, user.id), []));
});
