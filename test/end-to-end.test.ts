import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { createDarkroomClient, type DarkroomClient } from '../src/client/client.ts';
import { startTestStack, type TestStack } from './support/test-stack.ts';

let stack: TestStack;
let client: DarkroomClient;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const { token } = await stack.createUser();
  client = createDarkroomClient({ baseUrl: url, token });
  await stack.startWorker();
});
after(() => stack.stop());

test('a prompt becomes a stored, tracked image', async () => {
  const { id } = await client.submit({
    prompt: 'Modern coffee shop interior',
    aspect_ratio: '16:9',
    format: 'png',
  });

  const record = await client.wait(id);

  assert.equal(record.status, 'succeeded');
  const file = await fetch(String(record.image_url));
  assert.equal(file.headers.get('content-type'), 'image/png');
  const { format, width, height } = await sharp(Buffer.from(await file.arrayBuffer())).metadata();
  assert.deepEqual({ format, width, height }, { format: 'png', width: record.width, height: record.height });
  assert.deepEqual([width, height], [1376, 768]);
});

test('a picture of another size and shape than asked for is kept, and its record warns of both', async () => {
  const { id } = await client.submit({
    prompt: 'Modern coffee shop interior [[sim:pixels=512x512]]',
    aspect_ratio: '16:9',
    resolution: '2K',
  });

  const record = await client.wait(id);

  assert.deepEqual([record.status, record.width, record.height], ['succeeded', 512, 512]);
  assert.deepEqual(record.warnings, [
    { code: 'aspect_ratio_differs', message: 'Asked for 16:9, got 512x512.' },
    { code: 'resolution_differs', message: 'Asked for 2K, got 512x512.' },
  ]);
});

test('another format than the model answers is made of it, and told by the record', async () => {
  const { id } = await client.submit({ prompt: 'Modern coffee shop interior', format: 'webp' });

  const record = await client.wait(id);

  const file = await fetch(String(record.image_url));
  const { format } = await sharp(Buffer.from(await file.arrayBuffer())).metadata();
  assert.deepEqual([record.mime_type, format], ['image/webp', 'webp']);
});
