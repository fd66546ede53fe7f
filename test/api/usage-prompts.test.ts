import assert from 'node:assert/strict';
import { after, before, beforeEach, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, createApiClient, IMAGES, type Json } from './api-client.ts';
import { finishImage } from './finish-image.ts';

let stack: TestStack;
let url: string;
let user: ApiClient;
let userId: string;
let other: ApiClient;
let admin: ApiClient;
before(async () => {
  stack = await startTestStack();
  // Counters move when the tests say so.
  ({ url } = await stack.startApi({ EXPIRE_EVERY_MS: '3600000' }));
  admin = createApiClient(url, stack.serviceRoleKey);
});
beforeEach(async () => {
  const [one, two] = [await stack.createUser(), await stack.createUser()];
  [user, other, userId] = [createApiClient(url, one.token), createApiClient(url, two.token), one.id];
});
after(() => stack.stop());

async function promptsOf(api: ApiClient, query = ''): Promise<Json[]> {
  for (let more = true; more; ) {
    const [folded] = await stack.sql<{ n: number }>('select public.fold_prompts() as n');
    more = Number(folded?.n) > 0;
  }
  const { status, body, text } = await api.get(`/ai/usage/prompts${query}`);
  assert.equal(status, 200, text);
  return body.items;
}
const remove = (id: string) => user.send('DELETE', `${IMAGES}/${id}`);

it('prompts that differ in capitals and white space count as one, the most used first', async () => {
  await user.submit({ prompt: 'A dog' });
  const { id } = await user.submit({ prompt: 'A  quiet\n harbour' });
  await user.submit({ prompt: ' a QUIET harbour' });
  await stack.sql('update public.generated_images set cost_usd = 0.25 where id = $1', [id]);
  await finishImage(stack, id);

  const prompts = await promptsOf(user);

  assert.deepEqual(
    prompts.map(({ last_used_at: _usedAt, ...rest }) => rest),
    [
      { prompt: 'a quiet harbour', count: 2, images: 1, cost_usd: 0.25 },
      { prompt: 'a dog', count: 1, images: 0, cost_usd: 0 },
    ],
  );
  assert.equal((await promptsOf(user, '?limit=1')).length, 1);
});

it('a deleted image is taken off, and the text goes with the last that holds it', async () => {
  const [first, second] = [
    await user.submit({ prompt: 'Secret plans' }),
    await user.submit({ prompt: 'secret plans' }),
  ];
  assert.equal((await promptsOf(user))[0].count, 2);

  await remove(first.id);
  assert.equal((await promptsOf(user))[0].count, 1);
  await remove(second.id);

  assert.deepEqual(await promptsOf(user), []);
  assert.deepEqual(await stack.sql(`select 1 from public.prompt_counts where prompt = 'secret plans'`), []);
});

it('a row that is deleted by hand takes its prompt along', async () => {
  const { id } = await user.submit({ prompt: 'By hand' });
  assert.equal((await promptsOf(user)).length, 1);

  await stack.sql('delete from public.generated_images where id = $1', [id]);

  assert.deepEqual(await promptsOf(user), []);
});

it('what is deleted before it was counted is never shown', async () => {
  const { id } = await user.submit({ prompt: 'Regretted at once' });
  await remove(id);

  assert.deepEqual(await promptsOf(user), []);
});

it('each sees their own prompts, an admin those of everybody or of one', async () => {
  await user.submit({ prompt: 'Shared words' });
  await other.submit({ prompt: 'shared words' });

  assert.deepEqual(
    (await promptsOf(user)).map(({ count }) => count),
    [1],
  );
  const all = (await promptsOf(admin, '?limit=100')).find(({ prompt }) => prompt === 'shared words');
  assert.equal(all?.count, 2);
  assert.deepEqual(await promptsOf(admin, `?user_id=${userId}`), await promptsOf(user));
});

it('a user takes their prompts along, also out of those of everybody', async () => {
  await user.submit({ prompt: 'Only mine' });
  await user.submit({ prompt: 'Of both' });
  await other.submit({ prompt: 'Of both' });
  await promptsOf(user);

  await stack.sql('delete from auth.users where id = $1', [userId]);

  const all = await promptsOf(admin, '?limit=100');
  assert.equal(
    all.find(({ prompt }) => prompt === 'only mine'),
    undefined,
  );
  assert.equal(all.find(({ prompt }) => prompt === 'of both')?.count, 1);
  assert.deepEqual(await stack.sql('select 1 from public.prompt_counts where owner = $1', [userId]), []);
});

it('of more than 2,000 prompts the least used are forgotten', async () => {
  await user.submit({ prompt: 'the favourite' });
  await user.submit({ prompt: 'the favourite' });
  await stack.sql(
    `insert into public.prompt_counts select $1, md5(n::text)::uuid, 'prompt ' || n, 1, 0, 0, now() - n * interval '1 s'
     from generate_series(1, 2100) n`,
    [userId],
  );

  assert.equal((await promptsOf(user))[0].prompt, 'the favourite');

  const kept = await stack.sql(
    `select count(*)::int as n, bool_or(prompt = 'prompt 1999') as newest, bool_or(prompt = 'prompt 2000') as oldest
     from public.prompt_counts where owner = $1`,
    [userId],
  );
  assert.deepEqual(kept, [{ n: 2_000, newest: true, oldest: false }]);
});

it('of a user with many prompts nothing is left either', async () => {
  // Of everybody's prompts there is room for those of ten such users.
  const item = (n: number) => ({ prompt: `many ${n}`, custom_id: `${n}` });
  for (const from of [0, 700, 1_400]) {
    const items = Array.from({ length: 700 }, (_, n) => item(from + n));
    const { status, text } = await user.send('POST', '/ai/batches', {
      body: JSON.stringify({ items }),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(status, 202, text);
  }
  await promptsOf(user);

  await stack.sql('delete from auth.users where id = $1', [userId]);
  await promptsOf(admin);

  assert.deepEqual(await stack.sql(`select 1 from public.prompt_counts where prompt like 'many %'`), []);
});
