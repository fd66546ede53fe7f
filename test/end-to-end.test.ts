import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { startTestStack, type TestStack } from './support/test-stack.ts';
import { waitForEnd } from './support/wait-for-end.ts';

let stack: TestStack;
let apiUrl: string;
before(async () => {
  stack = await startTestStack();
  apiUrl = (await stack.startApi()).url;
  await stack.startWorker();
});
after(() => stack.stop());

test('a prompt becomes a stored, tracked image', async () => {
  const answer = await fetch(`${apiUrl}/ai/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'Modern coffee shop interior', aspect_ratio: '16:9', format: 'png' }),
  });
  assert.equal(answer.status, 202);
  const { id } = (await answer.json()) as { id: string };

  const record = await waitForEnd(apiUrl, id);

  assert.equal(record.status, 'succeeded');
  const file = await fetch(String(record.image_url));
  assert.equal(file.headers.get('content-type'), 'image/png');
  const { format, width, height } = await sharp(Buffer.from(await file.arrayBuffer())).metadata();
  assert.deepEqual({ format, width, height }, { format: 'png', width: record.width, height: record.height });
  assert.deepEqual([width, height], [1376, 768]);
});
