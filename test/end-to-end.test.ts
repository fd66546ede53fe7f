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

test('another format than the model answers is made of it, and told by the record', async () => {
  const { id } = await client.submit({ prompt: 'Modern coffee shop interior', format: 'webp' });

  const record = await client.wait(id);

  const file = await fetch(String(record.image_url));
  const { format } = await sharp(Buffer.from(await file.arrayBuffer())).metadata();
  assert.deepEqual([record.mime_type, format], ['image/webp', 'webp']);
});
