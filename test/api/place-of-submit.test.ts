import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { createApiClient } from './api-client.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

let stack: TestStack;
let proxy: RpcProxy;
before(async () => {
  stack = await startTestStack();
  proxy = await startRpcProxy(stack.supabaseUrl);
});
after(async () => {
  await proxy.close();
  await stack.stop();
});

it('the only image is the first in the queue', async () => {
  const { url } = await stack.startApi({ SUPABASE_URL: proxy.url });
  const isReleased = async () => {
    const [row] = await stack.sql('select count(released_at)::int as n from public.generated_images');
    return row?.n === 1;
  };
  const api = createApiClient(url);
  const submitOnce = async (): Promise<number | null> => {
    const earlier = proxy.calls('submit_generations').length;
    // A look at the queue that comes after the row comes late: when the image is on its way to a worker already.
    proxy.decide('get_queue_snapshot', async (call) => {
      if (proxy.calls('submit_generations').length > earlier) await waitFor('the release', isReleased);
      return call.forward();
    });
    const { id, queue_position } = await api.submit();
    await stack.sql('delete from public.generated_images where id = $1', [id]);
    return queue_position;
  };

  // On a slow machine it may not be known at first.
  let place = await submitOnce();
  while (place === null) place = await submitOnce();

  assert.equal(place, 1);
});

it('an image that is being made has no place, also not in the answer to a repeated submit', async () => {
  const api = createApiClient((await stack.startApi()).url);
  const worker = await stack.startWorker();
  const [key, simulated] = [randomUUID(), randomUUID()];
  const submit = () =>
    api.generate({ prompt: `A harbour [[sim:key=${simulated}; fault=hold:ok]]` }, { 'idempotency-key': key });
  const { body } = await submit();
  await stack.gemini.control.waitForCall(simulated);

  const again = await submit();

  assert.deepEqual([again.body.id, again.body.status], [body.id, 'processing']);
  assert.equal(again.body.queue_position, null);
  stack.gemini.control.release(simulated);
  await worker.stop();
});
