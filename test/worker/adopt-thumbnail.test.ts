import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { createStorage } from '../../src/shared/storage.ts';
import { noisePicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, MODEL } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  await stack.startWorker();
  // Beating for a whole lease is what lets a worker judge others.
  await stack.sql(`update public.workers set unbroken_since = now() - interval '1 hour'`);
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

const objectUrl = (path: string | null) =>
  `${stack.supabaseUrl}/storage/v1/object/public/generated-images/${path}`;

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
