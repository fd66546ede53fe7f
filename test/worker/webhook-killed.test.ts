import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, it } from 'node:test';
import { createDarkroomClient } from '../../src/client/client.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { accept, ended, type Receiver, startReceiver, submit, verify } from './webhook-stack.ts';

let stack: TestStack;
let receiver: Receiver;
before(async () => {
  stack = await startTestStack();
  receiver = await startReceiver();
});
after(async () => {
  await stack.stop();
  await receiver.close();
});

function startProcess() {
  const child = spawn(process.execPath, ['test/worker/webhook-worker-main.ts'], {
    env: { ...stack.env, TEST_RECEIVER_CA: receiver.ca },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const closed = once(child, 'close');
  return {
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

it('what a worker was sending when it was killed is sent again by another, under the same id', async () => {
  const { url } = await stack.startApi();
  const client = createDarkroomClient({ baseUrl: url, token: (await stack.createUser()).token });
  const { secret } = await client.webhooks.secrets.create();
  receiver.answer(() => undefined);
  const doomed = startProcess();
  const { id } = await submit(client, receiver.url('/killed'));
  await waitFor('the attempt', () => receiver.at('/killed').length === 1);

  await doomed.kill();
  receiver.answer(accept);
  await stack.startWorker({}, undefined, undefined, undefined, receiver.requestPublic);
  // Another one is sent meanwhile; the claim of the dead worker still holds.
  const other = await submit(client, receiver.url('/other'));
  await ended(client, other.id, 'succeeded');
  assert.equal(receiver.at('/killed').length, 1);
  const [claim] = await stack.sql<{ left: number }>(
    'select extract(epoch from due_at - now())::float as left from public.webhook_deliveries where image_id = $1',
    [id],
  );
  assert.ok(claim && claim.left > 0 && claim.left <= 60);
  await stack.sql('update public.webhook_deliveries set due_at = now() where image_id = $1', [id]);

  const delivery = await ended(client, id, 'succeeded');

  const [lost, again] = receiver.at('/killed');
  assert.ok(lost && again);
  assert.deepEqual([receiver.at('/killed').length, delivery.attempt], [2, 2]);
  assert.equal(again.headers['webhook-id'], lost.headers['webhook-id']);
  assert.equal(again.body, lost.body);
  verify(secret, again);
});
