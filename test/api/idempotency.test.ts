import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type Answer,
  type ApiClient,
  assertProblem,
  createApiClient,
  IMAGES,
  pointersOf,
} from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  url = (await stack.startApi()).url;
  api = createApiClient(url);
});
after(() => stack.stop());

const submit = (key: string, fields: object = {}, caller: ApiClient = api): Promise<Answer> =>
  caller.generate({ prompt: 'A quiet harbour', ...fields }, { 'idempotency-key': key });

async function rows(): Promise<number> {
  const [count] = await stack.sql<{ n: string }>('select count(*) as n from public.generated_images');
  return Number(count?.n);
}

it('a hundred twins at once, to two APIs, make one image and all get it', async () => {
  const other = createApiClient((await stack.startApi()).url);
  const key = randomUUID();
  const before = await rows();

  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => submit(key, {}, index % 2 === 0 ? api : other)),
  );

  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [202]);
  assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 1);
  assert.equal(await rows(), before + 1);
});

it('a repeated request gets the image as it is by now, whichever way its body is spelled', async () => {
  const key = randomUUID();
  const first = await submit(key, { style: 'anime', metadata: { a: '1', b: '2' } });
  await stack.sql(`update public.generated_images set metadata = '{"later": "1"}' where id = $1`, [
    first.body.id,
  ]);

  const again = await api.postRaw(
    '{"metadata": {"b": "2", "a": "1"}, "style": "anime",   "prompt": "A quiet harbour"}',
    { 'idempotency-key': `"${key}"` },
  );

  assert.equal(again.status, 202);
  assert.equal(again.body.id, first.body.id);
  assert.deepEqual(again.body.metadata, { later: '1' });
  assert.equal(again.headers.get('location'), `/ai/generated-images/${first.body.id}`);
});

it('one path in two spellings is one path', async () => {
  const headers = { 'idempotency-key': randomUUID(), 'content-type': 'application/json' };
  const send = async (path: string) => {
    const response = await fetch(url + path, { method: 'POST', headers, body: '{"prompt": "A fox"}' });
    return ((await response.json()) as { id: string }).id;
  };

  assert.equal(await send('/AI/Generate/'), await send('/ai/generate'));
});

it('a body that is nested without end is refused as without a key', async () => {
  const nested = `{"prompt": "A fox", "metadata": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`;

  const answer = await api.postRaw(nested, { 'idempotency-key': randomUUID() });

  assertProblem(answer, 422, 'validation_failed');
});

it('a key that was used for another body is refused, and nothing is written', async () => {
  const key = randomUUID();
  await submit(key);
  const before = await rows();

  const answer = await submit(key, { style: 'anime' });

  assertProblem(answer, 422, 'idempotency_key_reused');
  assert.equal(await rows(), before);
});

it('the same key of another caller is another key', async () => {
  const key = randomUUID();
  const user = await stack.createUser();

  const anonymous = await submit(key);
  const signedIn = await submit(key, {}, createApiClient(url, user.token));

  assert.notEqual(signedIn.body.id, anonymous.body.id);
});

it('a key is forgotten after a day', async () => {
  const key = randomUUID();
  const first = await submit(key);
  await stack.sql(
    `update public.idempotency_keys set created_at = now() - interval '25 hours' where key = $1`,
    [key],
  );

  const second = await submit(key, { style: 'anime' });

  assert.equal(second.status, 202);
  assert.notEqual(second.body.id, first.body.id);
});

it('a repeated request gets its image also when its dataset has gone since', async () => {
  const { token } = await stack.createUser();
  const user = createApiClient(url, token);
  const { body: dataset } = await user.send('POST', '/ai/datasets', {
    body: '{"name": "Coffee"}',
    headers: { 'content-type': 'application/json' },
  });
  const [key, fields] = [randomUUID(), { dataset_id: dataset.id }];
  const first = await submit(key, fields, user);
  const again = (changes: object, to: string) =>
    user.send('POST', `${IMAGES}/${first.body.id}/regenerate`, {
      body: JSON.stringify(changes),
      headers: { 'content-type': 'application/json', 'idempotency-key': to },
    });
  const copy = await again(fields, key);
  await user.send('DELETE', `/ai/datasets/${dataset.id}`);
  const before = await rows();

  const [repeated, repeatedCopy] = [await submit(key, fields, user), await again(fields, key)];

  assert.deepEqual([repeated.status, repeatedCopy.status], [202, 202]);
  assert.deepEqual([repeated.body.id, repeatedCopy.body.id], [first.body.id, copy.body.id]);
  assert.equal(repeated.headers.get('location'), `${IMAGES}/${first.body.id}`);
  for (const other of [
    await submit(randomUUID(), fields, user),
    await submit(key, { ...fields, style: 'anime' }, user),
    await submit(key, { ...fields, dry_run: true }, user),
    await submit(key, fields),
  ]) {
    assertProblem(other, 422, 'validation_failed');
    assert.deepEqual(pointersOf(other), ['/dataset_id']);
  }
  assert.equal(await rows(), before);
  await user.send('DELETE', `${IMAGES}/${first.body.id}`);
  assertProblem(await submit(key, fields, user), 410, 'gone');
});

it('a key whose image was deleted is gone', async () => {
  const key = randomUUID();
  const { body } = await submit(key);
  await stack.sql('delete from public.generated_images where id = $1', [body.id]);

  assertProblem(await submit(key), 410, 'gone');
});

it('a refused request leaves its key free', async () => {
  const key = randomUUID();
  assertProblem(await submit(key, { quality: 'poor' }), 422, 'validation_failed');

  assert.equal((await submit(key)).status, 202);
});

it('a twin that is being written for more than two seconds is a conflict, and hurts no neighbour', async (t) => {
  const key = randomUUID();
  await stack.sql('select 1');
  const release = await stack.holdOpen(
    `insert into public.idempotency_keys (scope, key, request_hash, image_id)
     select scope, $1, 'x', gen_random_uuid() from public.idempotency_keys where scope like 'anonymous%' limit 1`,
    [key],
  );
  t.after(release);

  const [twin, neighbour] = await Promise.all([submit(key), submit(randomUUID())]);

  assertProblem(twin, 409, 'idempotency_in_progress');
  assert.equal(neighbour.status, 202);
});

for (const [what, key] of [
  ['empty', ''],
  ['an empty quoted text', '""'],
  ['too long', 'x'.repeat(256)],
  ['open at its end', '"abc'],
  ['two words', 'a b'],
] as const) {
  it(`a key that is ${what} is refused beside all other bad fields`, async () => {
    const before = await rows();

    const answer = await submit(key, { quality: 'poor' });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(answer.body.errors.map((error: { pointer: string }) => error.pointer).toSorted(), [
      '/quality',
      'Idempotency-Key',
    ]);
    assert.equal(await rows(), before);
  });
}
