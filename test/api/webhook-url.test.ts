import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, GENERATE, IMAGES, type Json } from './api-client.ts';
import { finishImage } from './finish-image.ts';
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
const urlOf = async (id: string) =>
  (
    await stack.sql<{ webhook_url: string | null }>(
      'select webhook_url from public.generated_images where id = $1',
      [id],
    )
  )[0]?.webhook_url;

describe('webhook_url', () => {
  it('is kept with the image, and told when it ends', async () => {
    const { api } = await newUser();
    const { id } = await api.submit({ webhook_url: URL });

    await finishImage(stack, id);

    const { body } = await api.get(`${DELIVERIES}?image_id=${id}`);
    assert.equal(body.items.length, 1);
    const [{ url: to, type, status, attempt, next_attempt_at: next }] = body.items;
    assert.deepEqual([to, type, status, attempt], [URL, 'image.succeeded', 'pending', 0]);
    assert.ok(next);
  });

  for (const [given, kept] of [
    ['HTTPS://Hooks.Example.com:443/a#part', 'https://hooks.example.com/a'],
    ['https://hooks.example.com', 'https://hooks.example.com/'],
    ['https://münchen.example/ä?q=ü', 'https://xn--mnchen-3ya.example/%C3%A4?q=%C3%BC'],
    ['https://8.8.8.8:8443/a', 'https://8.8.8.8:8443/a'],
  ] as const) {
    it(`${given} is called as ${kept}`, async () => {
      const { api } = await newUser();

      assert.equal(await urlOf((await api.submit({ webhook_url: given })).id), kept);
    });
  }

  for (const bad of [
    'http://hooks.example.com/a',
    'ftp://hooks.example.com',
    'hooks.example.com',
    'https:hooks.example.com',
    '',
    'https://',
    'https://user:pass@hooks.example.com/',
    'https://hooks.example.com/a b',
    'https://hooks.example.com/\u0000',
    `https://hooks.example.com/${'a'.repeat(2_048)}`,
    'https://127.0.0.1/a',
    'https://0x7f.1/a',
    'https://2130706433/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://10.1.2.3/',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost/',
    'https://api.localhost./',
    17,
    {},
    ['https://hooks.example.com'],
  ]) {
    it(`${JSON.stringify(bad).slice(0, 60)} is refused at once`, async () => {
      const { api } = await newUser();

      const answer = await api.generate({ prompt: 'A fox', webhook_url: bad });

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(
        answer.body.errors.map(({ pointer }: Json) => pointer),
        ['/webhook_url'],
      );
      assert.ok(!answer.text.includes('pass'));
    });
  }

  it('of a user without a secret is refused, with what to do', async () => {
    const { api } = await newUser({ secrets: 0 });

    const answer = await api.generate({ prompt: 'A fox', webhook_url: URL });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(codesOf(answer), ['/webhook_url no_webhook_secret']);
    assert.match(answer.text, /POST \/ai\/webhook-secrets/);
  });

  it('of nobody and of an admin is refused: their images have no user whose secret would sign', async () => {
    for (const api of [createApiClient(url), admin]) {
      const answer = await api.generate({ prompt: 'A fox', webhook_url: URL });
      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(codesOf(answer), ['/webhook_url unsupported']);
    }
  });

  it('is refused by a deployment without a key for secrets, and so are secrets', async () => {
    const { WEBHOOK_ENCRYPTION_KEY: key = '' } = stack.env;
    delete stack.env.WEBHOOK_ENCRYPTION_KEY;
    const off = await stack.startApi();
    stack.env.WEBHOOK_ENCRYPTION_KEY = key;
    const api = createApiClient(off.url, (await newUser()).token);

    const answer = await api.generate({ prompt: 'A fox', webhook_url: URL });
    const secret = await api.send('POST', SECRETS);

    assert.deepEqual(codesOf(answer), ['/webhook_url unsupported']);
    assertProblem(secret, 422, 'validation_failed');
    assert.match(secret.text, /WEBHOOK_ENCRYPTION_KEY is not set/);
  });

  it('is told beside every other bad field', async () => {
    const { api } = await newUser({ secrets: 0 });

    const answer = await api.generate({ prompt: '', webhook_url: URL, dataset_id: randomUUID() });

    assert.deepEqual(codesOf(answer).sort(), [
      '/dataset_id unknown',
      '/prompt too_small',
      '/webhook_url no_webhook_secret',
    ]);
  });

  it('goes with an image that is made again, unless the request has another or none', async () => {
    const { api } = await newUser();
    const { id } = await api.submit({ webhook_url: URL });
    const again = async (changes: Json) =>
      urlOf((await postJson(api, `${IMAGES}/${id}/regenerate`, changes)).body.id);

    assert.equal(await again({}), URL);
    assert.equal(await again({ webhook_url: 'https://b.example.com/' }), 'https://b.example.com/');
    assert.equal(await again({ webhook_url: null }), null);
  });

  it("is the user's also when an admin makes their image again", async () => {
    const { api } = await newUser();
    const { id } = await api.submit({ webhook_url: URL });

    const { status, body } = await postJson(admin, `${IMAGES}/${id}/regenerate`, {});

    assert.equal(status, 202);
    assert.equal(await urlOf(body.id), URL);
  });

  it('whose secret has gone since does not stop a repeated submit from finding its image', async () => {
    const { api } = await newUser();
    const headers = { 'idempotency-key': randomUUID() };
    const { body } = await api.generate({ prompt: 'A fox', webhook_url: URL }, headers);
    const [secret] = (await api.get(SECRETS)).body.items;
    await api.send('DELETE', `${SECRETS}/${secret.id}`);

    const again = await api.generate({ prompt: 'A fox', webhook_url: URL }, headers);

    assert.deepEqual([again.status, again.body.id], [202, body.id]);
  });

  it('of a dry run is checked and tells nobody', async () => {
    const [{ api }, none] = [await newUser(), await newUser({ secrets: 0 })];
    const body = { prompt: 'A fox', webhook_url: URL, dry_run: true };

    assert.deepEqual([(await api.generate(body)).status, (await none.api.generate(body)).status], [200, 422]);
    assert.deepEqual((await api.get(DELIVERIES)).body.items, []);
  });
});

it('the address that an image was submitted with stands in no log and no refusal', async () => {
  const { api } = await newUser();
  const bad = await api.generate({
    prompt: 'A fox',
    webhook_url: 'https://u:p@hooks.example.com/?token=c0ffee',
  });

  assert.equal(bad.status, 422, GENERATE);
  assert.doesNotMatch(bad.text, /c0ffee/);
});
