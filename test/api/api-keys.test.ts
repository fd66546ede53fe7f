import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, type Json, pointersOf } from './api-client.ts';

const KEYS = '/ai/api-keys';

let stack: TestStack;
let url: string;
let owner: ApiClient;
let other: ApiClient;
let ownerId: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  const [one, two] = [await stack.createUser(), await stack.createUser()];
  ownerId = one.id;
  owner = createApiClient(url, one.token);
  other = createApiClient(url, two.token);
});
after(() => stack.stop());

const create = (api: ApiClient, name: unknown = 'nightly batch') =>
  api.send('POST', KEYS, {
    body: JSON.stringify({ name }),
    headers: { 'content-type': 'application/json' },
  });

async function createKey(api = owner): Promise<Json> {
  const answer = await create(api);
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

describe('an API key', () => {
  it('is shown once, and stored only as a hash', async () => {
    const answer = await create(owner, '  my script ');

    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const { id, secret, hint, ...rest } = answer.body;
    assert.match(secret, /^dk_[\w-]{43}$/);
    assert.equal(hint, secret.slice(-4));
    assert.deepEqual(Object.keys(rest).sort(), ['created_at', 'last_used_at', 'name']);
    assert.deepEqual([rest.name, rest.last_used_at], ['my script', null]);
    const listed = (await owner.get(KEYS)).body.items.find((key: Json) => key.id === id);
    assert.deepEqual(listed, { id, hint, ...rest });
    const [stored] = await stack.sql('select to_jsonb(k)::text as row from public.api_keys k where id = $1', [
      id,
    ]);
    assert.ok(!stored?.row.includes(secret.slice(3)));
  });

  it('acts as its user: sees what the user sees, submits as the user, and stands in the same line', async () => {
    const { secret } = await createKey();
    const script = createApiClient(url, secret);

    const { id } = await script.submit();

    const [row] = await stack.sql('select user_id, lane_key from public.generated_images where id = $1', [
      id,
    ]);
    assert.deepEqual(row, { user_id: ownerId, lane_key: `user:${ownerId}` });
    assert.equal((await owner.read(id)).status, 200);
    assert.equal((await other.read(id)).status, 404);
    assert.equal((await script.read((await owner.submit()).id)).status, 200);
  });

  it('tells when it was last used', async () => {
    const { id, secret } = await createKey();
    await createApiClient(url, secret).history();

    const listed = (await owner.get(KEYS)).body.items.find((key: Json) => key.id === id);
    assert.ok(Date.parse(listed.last_used_at) > Date.now() - 60_000);
  });

  it('that was revoked opens nothing at another API, and is listed no more', async () => {
    const { id, secret } = await createKey();
    assert.equal((await createApiClient(url, secret).history()).status, 200);

    const answer = await owner.send('DELETE', `${KEYS}/${id}`);

    assert.deepEqual([answer.status, answer.text], [204, '']);
    const elsewhere = await stack.startApi();
    assertProblem(await createApiClient(elsewhere.url, secret).history(), 401, 'unauthorized');
    const { body } = await owner.get(KEYS);
    assert.ok(!body.items.some((key: Json) => key.id === id));
    assert.equal((await owner.send('DELETE', `${KEYS}/${id}`)).status, 204);
  });

  it('that nobody made is refused, and is nobody', async () => {
    const { secret } = await createKey();
    for (const wrong of ['dk_', 'dk_x', `${secret}x`, secret.slice(0, -1), secret.toUpperCase()]) {
      const stranger = createApiClient(url, wrong);
      assertProblem(await stranger.history(), 401, 'unauthorized');
      assertProblem(await stranger.generate({ prompt: 'A fox' }), 401, 'unauthorized');
    }
  });

  it('of a user who is gone opens nothing', async () => {
    const user = await stack.createUser();
    const { secret } = await createKey(createApiClient(url, user.token));
    await stack.sql('delete from auth.users where id = $1', [user.id]);

    assertProblem(await createApiClient(url, secret).history(), 401, 'unauthorized');
  });

  it('cannot manage API keys', async () => {
    const { id, secret } = await createKey();
    const script = createApiClient(url, secret);

    assertProblem(await create(script), 403, 'forbidden');
    assertProblem(await script.get(KEYS), 403, 'forbidden');
    assertProblem(await script.send('DELETE', `${KEYS}/${id}`), 403, 'forbidden');
  });

  it('is revoked by its owner or an admin, and by nobody else', async () => {
    const [mine, theirs] = [await createKey(), await createKey()];
    const admin = createApiClient(url, stack.serviceRoleKey);

    assertProblem(await other.send('DELETE', `${KEYS}/${mine.id}`), 404, 'not_found');
    assertProblem(await createApiClient(url).send('DELETE', `${KEYS}/${mine.id}`), 401, 'unauthorized');
    assertProblem(await owner.send('DELETE', `${KEYS}/no-uuid`), 404, 'not_found');
    assert.equal((await admin.send('DELETE', `${KEYS}/${theirs.id}`)).status, 204);
    const ids = (await owner.get(KEYS)).body.items.map((key: Json) => key.id);
    assert.deepEqual([ids.includes(mine.id), ids.includes(theirs.id)], [true, false]);
  });

  it('is not for who does not sign in, nor for the service, which has one', async () => {
    assertProblem(await create(createApiClient(url)), 401, 'unauthorized');
    assertProblem(await create(createApiClient(url, stack.serviceRoleKey)), 403, 'forbidden');
  });

  for (const [what, name] of [
    ['empty', ' '],
    ['too long', 'a'.repeat(101)],
    ['no text', 5],
    ['unstorable', '\ud800'],
  ] as const) {
    it(`is refused with a name that is ${what}`, async () => {
      const answer = await create(owner, name);

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), ['/name']);
    });
  }

  it('is refused when the user has a hundred', async () => {
    const user = await stack.createUser();
    const api = createApiClient(url, user.token);
    const answers = await Promise.all(Array.from({ length: 101 }, () => create(api)));

    const refused = answers.filter(({ status }) => status !== 201);
    assert.equal(refused.length, 1);
    assertProblem(refused[0] as (typeof answers)[number], 422, 'validation_failed');
  });
});
