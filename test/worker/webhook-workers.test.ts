import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createDarkroomClient } from '../../src/client/client.ts';
import { createLogLines } from '../support/log-lines.ts';
import { scrape } from '../support/metrics.ts';
import { startTestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { accept, deliveryOf, ended, startReceiver, submit, verify } from './webhook-stack.ts';

const { log, of: logLines } = createLogLines();

it('a worker that leaves ends what it is sending, and hands back what does not end', async () => {
  const own = await startTestStack();
  const hooks = await startReceiver();
  try {
    const { url } = await own.startApi();
    const worker = await own.startWorker(
      { SHUTDOWN_GRACE_MS: '200', WORKER_PORT: '0' },
      log,
      undefined,
      undefined,
      hooks.requestPublic,
    );
    const { token } = await own.createUser();
    const client = createDarkroomClient({ baseUrl: url, token });
    await client.webhooks.secrets.create();
    hooks.answer(() => undefined);
    const { id } = await submit(client, hooks.url('/held'));
    await waitFor('the attempt', () => hooks.at('/held').length === 1);

    await worker.stop();

    const delivery = await deliveryOf(client, id);
    assert.deepEqual([delivery?.status, delivery?.error_code], ['pending', null]);
    const [row] = await own.sql('select claim_id, failures, due_at <= now() as due from webhook_deliveries');
    assert.deepEqual(row, { claim_id: null, failures: 0, due: true });

    hooks.answer(accept);
    const next = await own.startWorker({ WORKER_PORT: '0' }, log, undefined, undefined, hooks.requestPublic);
    await ended(client, id, 'succeeded');
    const metrics = await scrape(String(next.url));
    assert.equal(metrics.value('darkroom_webhook_attempts_total', { outcome: 'succeeded' }), 1);
    const [one, again] = hooks.at('/held');
    assert.equal(one?.headers['webhook-id'], again?.headers['webhook-id']);
  } finally {
    await own.stop();
    await hooks.close();
  }
});

it('a worker without the key sends none; one with a new key before the old one sends what waited, and seals anew', async () => {
  const own = await startTestStack();
  const hooks = await startReceiver();
  try {
    const { url } = await own.startApi();
    const oldKey = own.env.WEBHOOK_ENCRYPTION_KEY;
    delete own.env.WEBHOOK_ENCRYPTION_KEY;
    const start = (env: Record<string, string>) =>
      own.startWorker(env, log, undefined, undefined, hooks.requestPublic);
    await start({});
    const { token } = await own.createUser();
    const client = createDarkroomClient({ baseUrl: url, token });
    const { secret } = await client.webhooks.secrets.create();
    const { id } = await submit(client, hooks.url('/waits'));
    await client.wait(id);
    assert.equal((await deliveryOf(client, id))?.attempt, 0);

    const newKey = 'another-key-of-the-tests-for-what-they-seal';
    const both = await start({ WEBHOOK_ENCRYPTION_KEY: `${newKey},${oldKey}` });
    const [one] = await waitFor('the webhook', () => hooks.at('/waits').length === 1 && hooks.at('/waits'));
    assert.ok(one);
    verify(secret, one);
    await waitFor('the secret to be sealed anew', () => logLines('webhook_secret.resealed').length > 0);
    await both.stop();

    await start({ WEBHOOK_ENCRYPTION_KEY: newKey });
    const again = await submit(client, hooks.url('/new-key'));
    await ended(client, again.id, 'succeeded');
    for (const two of hooks.at('/new-key')) verify(secret, two);
  } finally {
    await own.stop();
    await hooks.close();
  }
});
