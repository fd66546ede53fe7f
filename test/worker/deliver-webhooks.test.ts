import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createWebhookSealing } from '../../src/shared/webhook-sealing.ts';
import type { WebhookClaim } from '../../src/shared/webhook-store.ts';
import { createDeliverWebhooks } from '../../src/worker/deliver-webhooks.ts';
import { createResealWebhooks } from '../../src/worker/reseal-webhooks.ts';
import { createLogLines } from '../support/log-lines.ts';
import { waitFor } from '../support/wait-for.ts';

const sealing = createWebhookSealing(['k'.repeat(32)]);
const NOTHING: WebhookClaim = { contended: false, done: false, around: false, after: null, deliveries: [] };

function newDelivery(by = sealing) {
  const owner = { id: randomUUID(), user_id: randomUUID() };
  const sealed = by.seal(`whsec_${Buffer.alloc(36, 1).toString('base64')}`, owner);
  return {
    id: randomUUID(),
    user_id: owner.user_id,
    type: 'image.succeeded',
    url: 'https://hooks.test/',
    body: '{}',
    attempt: 1,
    secrets: [{ id: owner.id, sealed }],
  };
}

/** A deliverer whose claims are answered by `claim`, with what it did with them. */
function startDeliverer(claim: (claims: number) => Promise<WebhookClaim> | WebhookClaim) {
  const done: string[] = [];
  let claims = 0;
  const deliverer = createDeliverWebhooks({
    store: {
      claimWebhookDeliveries: async () => claim(++claims),
      reportWebhookAttempt: async ({ errorCode }) => {
        done.push(`reported ${errorCode}`);
        return { status: errorCode ? 'pending' : 'succeeded', failures: 0, due_at: '' };
      },
      returnWebhookDelivery: async () => void done.push('returned'),
    },
    sealing,
    send: async () => {
      done.push('sent');
      return { errorCode: null, httpStatus: 200 };
    },
    observeWebhook: () => undefined,
    log: createLogLines().log,
  });
  return { deliverer, done, claims: () => claims };
}

test('what a claim brings after its worker began to leave is done before it has left', async () => {
  const { promise, resolve } = Promise.withResolvers<WebhookClaim>();
  const { deliverer, done, claims } = startDeliverer(() => promise);
  const delivering = deliverer.deliver();
  await waitFor('the claim', () => claims() === 1);

  const stopped = deliverer.stop(10_000);
  resolve({ ...NOTHING, deliveries: [newDelivery()] });
  await Promise.all([stopped, delivering]);

  assert.deepEqual(done, ['sent', 'reported null']);
  assert.equal(claims(), 1);
});

test('it goes round all receivers once without finding any, then waits for its next time', async () => {
  // It takes three claims to get round.
  const { deliverer, claims } = startDeliverer((count) => ({ ...NOTHING, around: count % 3 === 0 }));

  await deliverer.deliver();

  assert.equal(claims(), 6);
});

test('it comes again at once while another deliverer claims', async () => {
  const { deliverer, claims } = startDeliverer((count) => ({
    ...NOTHING,
    contended: count < 4,
    done: count === 4,
  }));

  await deliverer.deliver();

  assert.equal(claims(), 4);
});

test('what is sealed with a key that is not there is not sent, and fails as without a secret', async () => {
  const other = createWebhookSealing(['o'.repeat(32)]);
  const { deliverer, done } = startDeliverer((count) => ({
    ...NOTHING,
    done: true,
    deliveries: count === 1 ? [newDelivery(other)] : [],
  }));

  await deliverer.deliver();

  await waitFor('its report', () => done.length > 0);
  assert.deepEqual(done, ['reported no_secret']);
});

test('a secret that no key opens is left as it is, and a person told', async () => {
  const { secrets, user_id } = newDelivery(createWebhookSealing(['o'.repeat(32)]));
  const { log, of } = createLogLines();
  const reseal = createResealWebhooks({
    store: {
      listWebhookSecretsToReseal: async () => secrets.map((one) => ({ ...one, user_id })),
      resealWebhookSecret: () => assert.fail('it was sealed anew'),
    },
    sealing,
    log,
  });

  await reseal();

  assert.deepEqual(
    of('webhook_secret.unreadable').map(({ level, secret_id }) => [level, secret_id]),
    [[50, secrets[0]?.id]],
  );
});
