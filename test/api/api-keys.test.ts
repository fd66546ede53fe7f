import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type ApiClient,
  assertProblem,
  createApiClient,
  type Json,
  pointersOf,
  UNKNOWN_ID,
} from './api-client.ts';
import { codesOf } from './dataset-client.ts';

const KEYS = '/ai/api-keys';

let stack: TestStack;
let url: string;
let owner: ApiClient;
let other: ApiClient;
let admin: ApiClient;
let ownerId: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  const [one, two] = [await stack.createUser(), await stack.createUser()];
  ownerId = one.id;
  owner = createApiClient(url, one.token);
  other = createApiClient(url, two.token);
  admin = createApiClient(url, stack.serviceRoleKey);
});
after(() => stack.stop());

const create = (api: ApiClient, fields: object = {}) =>
  api.send('POST', KEYS, {
    body: JSON.stringify({ name: 'nightly batch', ...fields }),
    headers: { 'content-type': 'application/json' },
  });

async function createKey(api = owner, fields: object = {}): Promise<Json> {
  const answer = await create(api, fields);
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

describe('an API key', () => {
  it('is shown once, and stored only as a hash', async () => {
    const answer = await create(owner, { name: '  my script ' });

    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const { id, secret, hint, ...rest } = answer.body;
    assert.match(secret, /^dk_[\w-]{43}$/);
    assert.equal(hint, secret.slice(-4));
    assert.deepEqual(Object.keys(rest).sort(), ['created_at', 'last_used_at', 'name', 'user_id']);
    assert.deepEqual([rest.name, rest.last_used_at, rest.user_id], ['my script', null, ownerId]);
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

    assertProblem(await other.send('DELETE', `${KEYS}/${mine.id}`), 404, 'not_found');
    assertProblem(await createApiClient(url).send('DELETE', `${KEYS}/${mine.id}`), 401, 'unauthorized');
    assertProblem(await owner.send('DELETE', `${KEYS}/no-uuid`), 404, 'not_found');
    assert.equal((await admin.send('DELETE', `${KEYS}/${theirs.id}`)).status, 204);
    const ids = (await owner.get(KEYS)).body.items.map((key: Json) => key.id);
    assert.deepEqual([ids.includes(mine.id), ids.includes(theirs.id)], [true, false]);
  });

  it('is not for who does not sign in', async () => {
    assertProblem(await create(createApiClient(url)), 401, 'unauthorized');
  });

  for (const [what, name] of [
    ['empty', ' '],
    ['too long', 'a'.repeat(101)],
    ['no text', 5],
    ['unstorable', '\ud800'],
  ] as const) {
    it(`is refused with a name that is ${what}`, async () => {
      const answer = await create(owner, { name });

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

describe('an API key that an admin makes', () => {
  it('acts as the user it is made for, who sees and revokes it', async () => {
    const made = await createKey(admin, { user_id: ownerId });

    const script = createApiClient(url, made.secret);
    assert.equal((await owner.read((await script.submit()).id)).status, 200);
    assert.equal(made.user_id, ownerId);
    const { body } = await owner.get(KEYS);
    assert.ok(body.items.some((key: Json) => key.id === made.id));
    assert.equal((await owner.send('DELETE', `${KEYS}/${made.id}`)).status, 204);
  });

  it('has a user: one has to be named, and be there', async () => {
    const before = await countKeys();
    const nobodys = await create(admin, { name: '' });
    const unknown = await create(admin, { user_id: UNKNOWN_ID });
    const nulls = await create(admin, { user_id: null });

    for (const answer of [nobodys, unknown, nulls]) assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(codesOf(nobodys), { '/name': 'too_small', '/user_id': 'required' });
    assert.deepEqual(codesOf(unknown), { '/user_id': 'unknown' });
    assert.deepEqual(pointersOf(nulls), ['/user_id']);
    assert.equal(await countKeys(), before);
  });

  it('is listed with those of all, or with those of its user', async () => {
    const [mine, theirs] = [await createKey(admin, { user_id: ownerId }), await createKey(other)];

    const all = (await admin.get(KEYS)).body.items;
    const ofOwner = (await admin.get(`${KEYS}?user_id=${ownerId}`)).body.items;

    const isThere = (keys: Json[], id: string) => keys.some((key) => key.id === id);
    assert.deepEqual([isThere(all, mine.id), isThere(all, theirs.id)], [true, true]);
    assert.deepEqual([isThere(ofOwner, mine.id), isThere(ofOwner, theirs.id)], [true, false]);
    assert.deepEqual(ofOwner, (await owner.get(KEYS)).body.items);
    assertProblem(await admin.get(`${KEYS}?user_id=me`), 422, 'validation_failed');
    assertProblem(await admin.get(`${KEYS}?limit=1`), 422, 'validation_failed');
  });
});

describe('a user', () => {
  it('may name themself, however the id is written, and nobody else', async () => {
    const before = await countKeys();
    assertProblem(await create(other, { user_id: ownerId }), 403, 'forbidden');
    assertProblem(await other.get(`${KEYS}?user_id=${ownerId}`), 403, 'forbidden');
    assert.equal(await countKeys(), before);

    const written = createApiClient(url, await stack.signToken({ sub: ownerId.toUpperCase() }));
    for (const api of [owner, written]) {
      for (const userId of [ownerId, ownerId.toUpperCase(), null]) {
        assert.equal((await createKey(api, { user_id: userId })).user_id, ownerId);
      }
      assert.equal((await api.get(`${KEYS}?user_id=${ownerId}`)).status, 200);
    }
  });
});

async function countKeys(): Promise<number> {
  const [row] = await stack.sql('select count(*)::int as keys from public.api_keys');
  return row?.keys;
}
