import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { waitFor } from '../support/wait-for.ts';
import {
  type AnswerWebhook,
  accept,
  deliveryOf,
  ended,
  startWebhookStack,
  submit,
  verify,
  type WebhookStack,
} from './webhook-stack.ts';

let hooks: WebhookStack;
before(async () => {
  hooks = await startWebhookStack();
});
after(() => hooks.stop());
afterEach(() => hooks.receiver.answer(accept));

const refuse =
  (status: number, headers = {}): AnswerWebhook =>
  (_received, response) =>
    void response.writeHead(status, headers).end('no');

describe('a webhook', () => {
  it('comes again after an hour in which its receiver was down, once each, the same to the byte', async () => {
    const { client, secret } = await hooks.newUser();
    const path = hooks.newPath();
    hooks.receiver.answer((_one, response) => response.destroy());
    const images = await Promise.all([1, 2, 3, 4, 5, 6].map(() => submit(client, hooks.receiver.url(path))));
    for (const { id } of images) await hooks.failed(client, id, 'unreachable');
    for (const { id } of images) await hooks.passTime(id);
    await waitFor('a second attempt of each', async () => {
      const found = await Promise.all(images.map(({ id }) => deliveryOf(client, id)));
      return found.every((one) => one?.attempt === 2 && one.error_code !== null && one.next_attempt_at);
    });
    await waitFor('all to be reported', async () => {
      const [row] = await hooks.sql(
        'select count(*)::int as n from webhook_deliveries where image_id = any ($1) and failures = 2',
        [images.map(({ id }) => id)],
      );
      return row?.n === images.length;
    });
    hooks.receiver.answer(accept);
    const before = hooks.receiver.at(path).length;
    for (const { id } of images) await hooks.passTime(id);

    for (const { id } of images) await ended(client, id, 'succeeded');

    const accepted = hooks.receiver.at(path).slice(before);
    const idsOf = (some: typeof accepted) => some.map(({ headers }) => String(headers['webhook-id'])).sort();
    assert.equal(accepted.length, images.length);
    assert.equal(new Set(idsOf(accepted)).size, images.length);
    for (const one of accepted) {
      verify(secret, one);
      const tries = hooks.receiver
        .at(path)
        .filter((other) => other.headers['webhook-id'] === one.headers['webhook-id']);
      assert.equal(tries.length, 3);
      assert.deepEqual(new Set(tries.map(({ body }) => body)).size, 1);
    }
  });

  it('that is answered with an error is tried again later, and the image is left alone', async () => {
    const { client } = await hooks.newUser();
    const path = hooks.newPath();
    hooks.receiver.answer(refuse(503));
    const { id } = await submit(client, hooks.receiver.url(path));

    const delivery = await hooks.failed(client, id, 'http_status');

    assert.deepEqual([delivery.attempt, delivery.http_status, delivery.completed_at], [1, 503, null]);
    const wait = Date.parse(String(delivery.next_attempt_at)) - Date.parse(String(delivery.last_attempt_at));
    assert.ok(wait > 4_000 && wait < 10_000, `${wait}`);
    assert.equal((await client.get(id)).status, 'succeeded');
  });

  it('that is answered with 410 is not tried again', async () => {
    const { client } = await hooks.newUser();
    const path = hooks.newPath();
    hooks.receiver.answer(refuse(410));
    const { id } = await submit(client, hooks.receiver.url(path));

    const delivery = await ended(client, id, 'failed');

    assert.deepEqual([delivery.attempt, delivery.http_status, delivery.error_code], [1, 410, 'gone']);
    assert.equal(delivery.next_attempt_at, null);
  });

  it('that is redirected is not taken there', async () => {
    const { client } = await hooks.newUser();
    const [path, target] = [hooks.newPath(), hooks.newPath()];
    hooks.receiver.answer(refuse(307, { location: hooks.receiver.url(target) }));
    const { id } = await submit(client, hooks.receiver.url(path));

    const delivery = await hooks.failed(client, id, 'redirect');

    assert.equal(delivery.http_status, 307);
    assert.deepEqual(hooks.receiver.at(target), []);
  });

  it('whose answer never ends is delivered all the same', async () => {
    const { client } = await hooks.newUser();
    const path = hooks.newPath();
    hooks.receiver.answer((_one, response) => {
      response.writeHead(200);
      const more = () => response.write('x'.repeat(1_000), (error) => error || more());
      more();
    });
    const { id } = await submit(client, hooks.receiver.url(path));

    assert.equal((await ended(client, id, 'succeeded')).http_status, 200);
  });

  it('does not reach a name that has a private address, nor one that gets it after it was first tried', async () => {
    const { client } = await hooks.newUser();
    const path = hooks.newPath();
    hooks.names.set('other.test', [['10.0.0.7']]);
    hooks.names.set('rebinding.test', [['127.0.0.1'], ['169.254.169.254']]);
    hooks.receiver.answer(refuse(503));
    const refused = await submit(client, hooks.receiver.url(path, 'other.test'));
    await hooks.failed(client, refused.id, 'not_public');
    const moved = await submit(client, hooks.receiver.url(path, 'rebinding.test'));
    await hooks.failed(client, moved.id, 'http_status');
    await hooks.passTime(moved.id);

    await hooks.failed(client, moved.id, 'not_public');

    hooks.names.clear();
    assert.equal(hooks.receiver.at(path).length, 1);
  });

  it('waits while its user has no secret', async () => {
    const { client } = await hooks.newUser();
    const path = hooks.newPath();
    const [only] = await client.webhooks.secrets.list();
    hooks.receiver.answer(refuse(503));
    const { id } = await submit(client, hooks.receiver.url(path));
    await hooks.failed(client, id, 'http_status');
    await client.webhooks.secrets.delete(String(only?.id));
    hooks.receiver.answer(accept);
    await hooks.passTime(id);
    await hooks.failed(client, id, 'no_secret');

    const { secret } = await client.webhooks.secrets.create();
    await hooks.passTime(id);

    const [, arrived] = await hooks.received(path, 2);
    assert.ok(arrived);
    verify(secret, arrived);
  });

  it('of a receiver that does not answer keeps nobody else waiting', async () => {
    const [slow, quick] = [await hooks.newUser(), await hooks.newUser()];
    const [stuck, path] = [hooks.newPath(), hooks.newPath()];
    const held: (() => void)[] = [];
    hooks.receiver.answer((one, response) => {
      if (one.path === stuck) held.push(() => response.writeHead(204).end());
      else accept(one, response);
    });
    const images = await Promise.all(
      Array.from({ length: 12 }, () => submit(slow.client, hooks.receiver.url(stuck))),
    );
    await waitFor('four to hang', () => held.length === 4);

    const { id } = await submit(quick.client, hooks.receiver.url(path));
    await ended(quick.client, id, 'succeeded');

    // All others still wait: no room was taken for more than four.
    assert.deepEqual([held.length, hooks.receiver.at(path).length], [4, 1]);
    hooks.receiver.answer(accept);
    for (const let_go of held) let_go();
    for (const image of images) await ended(slow.client, image.id, 'succeeded');
    assert.equal(hooks.receiver.at(stuck).length, 12);
  });
});
