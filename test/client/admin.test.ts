import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let client: DarkroomClient;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  client = createDarkroomClient({ baseUrl: url, token: stack.serviceRoleKey });
});
after(() => stack.stop());

it('an operator pauses, looks and resumes', async () => {
  await client.admin.pause({ reason: 'maintenance' });
  const [pause] = (await client.admin.queue()).pauses;

  const resumed = await client.admin.resume();

  assert.deepEqual([pause?.reason, resumed.pauses], ['maintenance', []]);
  assert.deepEqual((await client.admin.workers()).items, []);
});

it('an operator changes limits, and takes them away', async () => {
  const changed = await client.admin.changeLimits({ max_concurrency: 5 });

  const taken = await client.admin.changeLimits({ max_concurrency: null });

  assert.deepEqual([changed.max_concurrency, taken.max_concurrency], [5, null]);
  assert.deepEqual(await client.admin.limits(), taken);
});

it('an operator purges and retries', async () => {
  const { id } = await client.submit({ prompt: 'A harbour' });

  const purged = await client.admin.purge({ all: true });
  const retried = await client.admin.retryFailed({ dry_run: true });

  assert.deepEqual([purged.images, retried.images], [1, 0]);
  assert.equal((await client.get(id)).status, 'canceled');
});
