import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { waitFor } from '../support/wait-for.ts';
import { accept, ended, startWebhookStack, submit, verify, type WebhookStack } from './webhook-stack.ts';

let hooks: WebhookStack;
before(async () => {
  hooks = await startWebhookStack();
});
after(() => hooks.stop());
afterEach(() => hooks.receiver.answer(accept));

describe('a webhook', () => {
  it('arrives once, signed, when its image has ended', async () => {
    const { client, secret } = await hooks.newUser();
    const path = hooks.newPath();
    const { id } = await submit(client, hooks.receiver.url(path));

    const [one] = await hooks.received(path);

    assert.ok(one);
    const told = verify(secret, one);
    const image = await client.get(id);
    assert.deepEqual(
      [told.type, told.data],
      [
        'image.succeeded',
        {
          id,
          status: 'succeeded',
          batch_id: null,
          custom_id: null,
          metadata: {},
          image_url: image.image_url,
          error: null,
        },
      ],
    );
    assert.equal(one.headers['content-type'], 'application/json');
    const delivery = await ended(client, id, 'succeeded');
    assert.equal(one.headers['webhook-id'], delivery.id);
    assert.deepEqual([delivery.attempt, delivery.http_status, delivery.error_code], [1, 204, null]);
    assert.equal(hooks.receiver.at(path).length, 1);
  });

  it('is refused by a receiver that has another secret, or when it was changed', async () => {
    const { client, secret } = await hooks.newUser();
    const path = hooks.newPath();
    await submit(client, hooks.receiver.url(path));
    const [one] = await hooks.received(path);
    assert.ok(one);

    assert.throws(() => verify('whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhpcyB1c2Vy', one));
    assert.throws(() => verify(secret, { ...one, body: one.body.replace('succeeded', 'failed') }));
  });

  it('is signed with both secrets while they are rotated, then with the one that is left', async () => {
    const { client, secret: old } = await hooks.newUser();
    const { secret: next } = await client.webhooks.secrets.create();
    const path = hooks.newPath();
    await submit(client, hooks.receiver.url(path));
    const [during] = await hooks.received(path);
    assert.ok(during);
    verify(old, during);
    verify(next, during);

    const [, first] = await client.webhooks.secrets.list();
    await client.webhooks.secrets.delete(String(first?.id));
    await submit(client, hooks.receiver.url(path));
    const [, afterwards] = await hooks.received(path, 2);

    assert.ok(afterwards);
    verify(next, afterwards);
    assert.throws(() => verify(old, afterwards));
  });

  it('can be sent again by its user, under the same id', async () => {
    const { client, secret } = await hooks.newUser();
    const path = hooks.newPath();
    const { id } = await submit(client, hooks.receiver.url(path));
    const { id: deliveryId } = await ended(client, id, 'succeeded');

    const replayed = await client.webhooks.replay(deliveryId);

    const [one, again] = await hooks.received(path, 2);
    assert.ok(one && again);
    assert.equal(replayed.status, 'pending');
    assert.equal(again.headers['webhook-id'], deliveryId);
    assert.equal(again.body, one.body);
    verify(secret, again);
    assert.equal((await ended(client, id, 'succeeded')).attempt, 2);
  });

  it('is logged by its host, without the rest of the address, its body or a secret', async () => {
    const { client, secret } = await hooks.newUser();
    const path = `${hooks.newPath()}?token=c0ffee`;
    await submit(client, hooks.receiver.url(path), 'A secret harbour');
    await hooks.received(path);
    await waitFor('its line', () => hooks.logLines.of('webhook.succeeded').length > 0);

    assert.match(hooks.logLines.text(), /"host":"hooks\.test:\d+"/);
    assert.doesNotMatch(hooks.logLines.text(), /c0ffee|secret harbour|hook-\d/);
    assert.ok(!hooks.logLines.text().includes(secret.slice(6)));
  });
});
