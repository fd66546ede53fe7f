import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { createStorage } from '../../src/shared/storage.ts';
import { createThumbnails } from '../../src/worker/thumbnails.ts';
import { type Fate, type FaultProxy, type ProxiedRequest, startFaultProxy } from '../support/fault-proxy.ts';
import { answerCallsOf, geminiAnswer, noisePicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, MODEL, type Row } from '../support/generations.ts';
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
  await stack.sql(`update public.workers set unbroken_since = now() - interval '1 hour'`);
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

/** An image that a dead worker's attempt has stored, as attempts do. */
async function leaveStored(attempts: number[], thumbnails: number[]): Promise<string> {
  const id = uuidv7();
  const storage = createStorage(stack.supabase, stack.supabaseUrl);
  const content = await noisePicture(600, 400, 'png');
  for (const attempt of attempts) {
    await storage.uploadImage(
      `anonymous/${id}/${attempt}.png`,
      { content, bytes: content.length },
      {
        ...{ model: MODEL, mime_type: 'image/png', width: 600, height: 400, sha256: 'a hash', usage: null },
        ...{ cost_usd: 0.0375, upstream_ms: 1_234, warnings: [] },
      },
    );
  }
  for (const attempt of thumbnails) {
    await storage.uploadThumbnail(`anonymous/${id}/${attempt}.thumb.webp`, Buffer.from('its own'));
  }
  await stack.sql(
    `insert into public.generated_images (
       id, prompt, full_prompt, model, lane_key, status, completed_at, deadline_at, started_at, released_at, release_epoch, claim_id,
       worker_id, attempt, billable_calls
     ) values ($1, 'x', $2, $3, 'test', 'processing', null, now() + interval '10 minutes', now(), now(), 1,
       gen_random_uuid(), gen_random_uuid(), $4, 1)`,
    [id, `x [[sim:bytes=1024; key=${id}]]`, MODEL, Math.max(...attempts, ...thumbnails)],
  );
  return id;
}

test('an adopted image keeps the thumbnail that it has, and those of other attempts go', async () => {
  const id = await leaveStored([1, 2], [1, 2, 3]);

  const row = await generations.waitForEnd(id);

  assert.deepEqual(
    [row.storage_path, row.thumbnail_path, generations.calls(id)],
    [`anonymous/${id}/2.png`, `anonymous/${id}/2.thumb.webp`, 0],
  );
  await generations.waitFor(async () => {
    assert.deepEqual(await generations.objects(id), ['2.png', '2.thumb.webp']);
  });
  assert.equal(await (await fetch(objectUrl(row.thumbnail_path))).text(), 'its own');
});

test('an adopted image without a thumbnail gets one', async () => {
  const id = await leaveStored([1], []);

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.thumbnail_path, generations.calls(id)], [`anonymous/${id}/1.thumb.webp`, 0]);
  const { width, height } = await sharp(
    await (await fetch(objectUrl(row.thumbnail_path))).bytes(),
  ).metadata();
  assert.deepEqual([width, height], [512, 341]);
});

test('a thumbnail alone is no image', async () => {
  const id = await leaveStored([], [1]);

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.storage_path, generations.calls(id)], [`anonymous/${id}/2.png`, 1]);
});

test('a thumbnail that comes after its image was canceled goes in time', async () => {
  const id = uuidv7();
  const canceled = Promise.withResolvers<void>();
  supabase.decide(async (request): Promise<Fate> => {
    if (isThumbnailOf(id, request)) await canceled.promise;
    return 'pass';
  });
  await generations.submit(LARGE, { id });
  await generations.waitFor(async () => {
    assert.ok(supabase.requests.some((request) => isThumbnailOf(id, request)));
  });

  await stack.supabase.rpc('cancel_generation', { p_id: id, p_user_id: null });
  const row = await generations.waitForEnd(id);
  canceled.resolve();

  assert.deepEqual([row.status, row.billable_calls, generations.calls(id)], ['canceled', 1, 1]);
  await generations.waitFor(async () => {
    assert.deepEqual(await generations.objects(id), ['1.thumb.webp']);
  });
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
