import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import type { NewGeneration } from '../../src/shared/generation.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { answerCallsOf, geminiAnswer, plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, MODEL } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let gemini: FaultProxy;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  gemini = await startFaultProxy(stack.gemini.url);
  await stack.startWorker({ GEMINI_BASE_URL: gemini.url });
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await gemini.close();
});

/** What arrived at Gemini for one row; the image for it is made here, so that any size may be asked for. */
async function requestsFor(fields: Partial<NewGeneration>) {
  const id = uuidv7();
  answerCallsOf(gemini, id, [geminiAnswer([{ image: await plainPicture(8, 8) }])]);
  await generations.submit('', { ...fields, id });
  const row = await generations.waitForEnd(id);
  assert.equal(row.status, 'succeeded', JSON.stringify(row.error));
  return gemini.requests.filter(({ body }) => body.includes(id));
}

async function upload(bucket: string, bytes: Buffer, contentType: string) {
  const path = `${randomUUID()}/reference`;
  await stack.supabase.storage.from(bucket).upload(path, bytes, { contentType });
  return { bucket, path };
}

test('a call is one request that asks for an image and nothing else', async () => {
  const [request, ...others] = await requestsFor({ resolution: '2K', aspect_ratio: '16:9' });

  assert.deepEqual(others, []);
  assert.equal(request?.method, 'POST');
  assert.match(request.path, new RegExp(`^/v1(beta)?/models/${MODEL}:generateContent$`));
  assert.equal(request.headers['x-goog-api-key'], 'test-key');
  const { contents, ...rest } = JSON.parse(request.body.toString());
  assert.deepEqual(rest, {
    generationConfig: {
      responseModalities: ['IMAGE'],
      imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
    },
  });
  assert.equal(contents.length, 1);
  assert.equal(contents[0].parts.length, 1);
  assert.match(contents[0].parts[0].text, /^Modern coffee shop interior/);
});

test('a row without an aspect ratio leaves it to the model', async () => {
  const [request] = await requestsFor({ resolution: '4K' });

  const { generationConfig } = JSON.parse(request?.body.toString() ?? '');
  assert.deepEqual(generationConfig.imageConfig, { imageSize: '4K' });
});

test('a model with one size only is sent none', async () => {
  const [request] = await requestsFor({ model: 'gemini-2.5-flash-image', aspect_ratio: '1:1' });

  const { generationConfig } = JSON.parse(request?.body.toString() ?? '');
  assert.deepEqual(generationConfig.imageConfig, { aspectRatio: '1:1' });
});

test('reference images go before the prompt, in order, with the types that their bytes have', async () => {
  const formats = ['jpeg', 'png', 'webp'] as const;
  const pictures = await Promise.all(formats.map((format) => plainPicture(16, 16, format)));
  const references = await Promise.all(
    pictures.map((picture, at) =>
      upload(at === 1 ? 'dataset-images' : 'reference-images', picture, 'image/jpg'),
    ),
  );

  const [request] = await requestsFor({ reference_images: references });

  const { parts } = JSON.parse(request?.body.toString() ?? '').contents[0];
  assert.deepEqual(
    parts.slice(0, 3),
    pictures.map((picture, at) => ({
      inlineData: { mimeType: `image/${formats[at]}`, data: picture.toString('base64') },
    })),
  );
  assert.match(parts[3].text, /^Modern coffee shop interior/);
  assert.equal(parts.length, 4);
});
