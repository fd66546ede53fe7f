import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES, type Json } from './api-client.ts';
import { makeDelivery } from './make-delivery.ts';
import { codesOf, createWebhookUser, DELIVERIES, postJson, SECRETS } from './webhook-users.ts';

const URL = 'https://hooks.example.com/a?token=b';

let stack: TestStack;
let url: string;
let admin: ApiClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  admin = createApiClient(url, stack.serviceRoleKey);
});
after(() => stack.stop());

const newUser = (options?: { secrets: number }) => createWebhookUser(stack, url, options);
describe('webhook secrets', () => {
  it('are shown once, and stored as what the database cannot read', async () => {
    const { api } = await newUser({ secrets: 0 });

    const made = await api.send('POST', SECRETS);
    const listed = await api.get(SECRETS);

    const { secret, ...shown } = made.body;
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{48}$/);
    assert.equal(secret.slice(-4), shown.hint);
    assert.deepEqual(listed.body.items, [shown]);
    assert.equal(made.headers.get('cache-control'), 'no-store');
    const [row] = await stack.sql('select w::text as row from public.webhook_secrets w where id = $1', [
      shown.id,
    ]);
    assert.ok(!row?.row.includes(secret.slice(6)));
  });

  it('are two at most', async () => {
    const { api } = await newUser({ secrets: 2 });

    const answer = await api.send('POST', SECRETS);

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(codesOf(answer), [' too_many']);
  });

  it('are made by an admin for the user that is named, and for no other', async () => {
    const { id, api } = await newUser({ secrets: 0 });

    const made = await postJson(admin, SECRETS, { user_id: id.toUpperCase() });

    assert.equal(made.status, 201);
    assert.equal((await api.get(SECRETS)).body.items[0].id, made.body.id);
    assert.deepEqual(codesOf(await postJson(admin, SECRETS, { user_id: randomUUID() })), [
      '/user_id unknown',
    ]);
    assertProblem(await postJson(api, SECRETS, { user_id: randomUUID() }), 403, 'forbidden');
  });

  it('cannot be managed with an API key', async () => {
    const { api } = await newUser();
    const key = (await postJson(api, '/ai/api-keys', { name: 'script' })).body.secret;
    const script = createApiClient(url, key);

    assertProblem(await script.send('POST', SECRETS), 403, 'forbidden');
    assertProblem(await script.get(SECRETS), 403, 'forbidden');
    assert.equal((await script.generate({ prompt: 'A fox', webhook_url: URL })).status, 202);
  });
});

describe('webhook deliveries', () => {
  it('come in pages, newest first, filtered', async () => {
    const { id, api } = await newUser({ secrets: 0 });
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) made.unshift(await makeDelivery(stack, id));

    const seen: string[] = [];
    let next: string | null = `${DELIVERIES}?limit=2&status=succeeded`;
    while (next) {
      const { body, headers } = await api.get(next);
      seen.push(...body.items.map((one: Json) => one.id));
      next = /<(.*)>; rel="next"/.exec(headers.get('link') ?? '')?.[1] ?? null;
      assert.equal(body.next_cursor === null, next === null);
    }

    assert.deepEqual(seen, made);
    assert.deepEqual((await api.get(`${DELIVERIES}?status=failed`)).body.items, []);
    assert.deepEqual((await api.get(`${DELIVERIES}?image_id=${randomUUID()}`)).body.items, []);
    assert.equal((await admin.get(`${DELIVERIES}?user_id=${id}`)).body.items.length, 5);
  });

  it('are asked for by what there is', async () => {
    const { api } = await newUser({ secrets: 0 });
    for (const query of ['?limit=0', '?status=gone', '?image_id=1', '?cursor=x', '?url=a']) {
      assertProblem(await api.get(DELIVERIES + query), 422, 'validation_failed');
    }
  });

  it('are sent again when their user asks for it', async () => {
    const { id, api } = await newUser({ secrets: 0 });
    const delivery = await makeDelivery(stack, id);

    const { status, body } = await api.send('POST', `${DELIVERIES}/${delivery}/replay`);

    assert.equal(status, 202);
    assert.deepEqual([body.id, body.status, body.completed_at], [delivery, 'pending', null]);
    assert.ok(Date.parse(body.next_attempt_at) <= Date.now() + 1_000);
  });

  it('outlive the deletion of their image', async () => {
    const { api } = await newUser();
    const { id } = await api.submit({ webhook_url: URL });

    assert.equal((await api.send('DELETE', `${IMAGES}/${id}`)).status, 204);

    const { body } = await api.get(`${DELIVERIES}?image_id=${id}`);
    assert.deepEqual(
      body.items.map(({ type }: Json) => type),
      ['image.canceled'],
    );
  });
});
