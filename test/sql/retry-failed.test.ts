import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import { callFunction, errorCode, openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { ERROR, newItem, type Row } from '../support/sql-rows.ts';

type Made = { images: number; estimated_cost_usd: number };
type Copy = Row & Record<string, unknown>;

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

const LONG_AGO = new Date(0).toISOString();

const ask = async (name: string, filter: Record<string, unknown> = {}, client = db.service) =>
  (
    await callFunction<Made>(client, name, {
      p_since: LONG_AGO,
      p_until: null,
      p_codes: null,
      p_model: null,
      p_user_id: null,
      p_limit: 100,
      ...filter,
    })
  )[0];
const retry = (filter?: Record<string, unknown>) => ask('retry_failed_generations', filter);
const count = (filter?: Record<string, unknown>) => ask('count_retryable', filter);

async function addFailed(fields: Record<string, unknown> = {}, code = ERROR.code): Promise<string> {
  const { id, claimId } = await generations.addProcessing(fields);
  await generations.fail(id, claimId, { p_error: JSON.stringify({ ...ERROR, code }) });
  return id;
}

const copiesOf = async (id: string): Promise<Copy[]> =>
  (
    await db.sql<{ row: Copy }>(
      'select to_jsonb(g) as row from public.generated_images g where parent_id = $1',
      [id],
    )
  ).map(({ row }) => row);

test('a failed image gets a copy of its request, owner and lane, and stays as it is', async () => {
  const user = await db.createUser();
  const id = await addFailed({
    user_id: user,
    lane_key: `user:${user}`,
    style: 'anime',
    metadata: { row: '17' },
    deadline_seconds: 7200,
    webhook_url: 'https://example.com/hook',
  });
  const before = await generations.row(id);

  const made = await retry();

  assert.deepEqual(made, { images: 1, estimated_cost_usd: 0.04 });
  const [copy, ...others] = await copiesOf(id);
  assert.deepEqual(others, []);
  assert.partialDeepStrictEqual(copy, {
    user_id: user,
    lane_key: `user:${user}`,
    style: 'anime',
    metadata: { row: '17' },
    full_prompt: 'a cat',
    status: 'pending',
    attempt: 0,
    failures: 0,
    error_code: null,
    root_id: id,
  });
  const hours = (Date.parse(String(copy?.deadline_at)) - Date.parse(String(copy?.created_at))) / 3_600_000;
  assert.equal(hours, 2);
  const { updated_at, retry_id, ...row } = (await generations.row(id)) as Copy;
  assert.equal(retry_id, copy?.id);
  assert.partialDeepStrictEqual(before, {
    ...row,
    retry_id: null,
    updated_at: before && (before as Copy).updated_at,
  });
  assert.equal(await generations.waiting(`user:${user}`), 1);
});

test('asked again it finds nothing to do, and a copy that fails is retried in its turn', async () => {
  const id = await addFailed();
  await retry();
  const again = await retry();
  const [copy] = await copiesOf(id);
  const [job] = (await generations.release()).jobs;
  await generations.claim(String(copy?.id), '0198b8a0-1111-4222-8333-444455556666', String(copy?.id));
  await generations.fail(String(copy?.id), String(copy?.id));

  const third = await retry();

  assert.equal(job?.id, copy?.id);
  assert.deepEqual([again?.images, third?.images], [0, 1]);
  const [grandchild] = await copiesOf(String(copy?.id));
  assert.equal(grandchild?.root_id, id);
});

test('many retries at once make one copy of each', async () => {
  const ids = [];
  for (let n = 0; n < 20; n += 1) ids.push(await addFailed({ lane_key: `lane-${n % 3}` }));

  const made = await Promise.all(Array.from({ length: 8 }, () => retry({ p_limit: 7 })));

  assert.equal(
    made.reduce((sum, one) => sum + (one?.images ?? 0), 0),
    20,
  );
  for (const id of ids) assert.equal((await copiesOf(id)).length, 1);
  assert.equal(await generations.waiting('lane-0'), 7);
});

test('copies stand in the order in which their parents stood', async () => {
  const ids = [];
  for (let n = 0; n < 30; n += 1) ids.push(await addFailed());
  await retry();

  const copies = await db.sql<{ parent_id: string; id: string }>(
    'select parent_id, id from public.generated_images where parent_id is not null order by id',
  );

  assert.deepEqual(
    copies.map(({ parent_id }) => parent_id),
    ids,
  );
  for (const { id } of copies) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
});

test('filters choose, and counting says beforehand what would be made', async () => {
  const user = await db.createUser();
  const blocked = await addFailed({}, 'content_blocked');
  const own = await addFailed({ user_id: user, lane_key: `user:${user}` }, 'misconfigured');
  await addFailed({ model: 'model-b' });
  const expired = await generations.addPending();
  await generations.passDeadline(expired);
  await generations.expire();
  const old = await addFailed();
  await db.sql(`update public.generated_images set completed_at = now() - interval '2 days' where id = $1`, [
    old,
  ]);
  const day = 86_400_000;
  const ago = (days: number) => new Date(Date.now() - days * day).toISOString();

  const counts = await Promise.all(
    [
      {},
      { p_codes: ['content_blocked'] },
      { p_codes: ['deadline_exceeded'] },
      { p_codes: ['misconfigured', 'upstream_error'] },
      { p_model: 'model-b' },
      { p_user_id: user },
      { p_since: ago(1) },
      { p_until: ago(1) },
      { p_limit: 2 },
    ].map(async (filter) => (await count(filter))?.images),
  );

  assert.deepEqual(counts, [4, 1, 1, 3, 1, 1, 3, 1, 2]);
  assert.equal((await retry({ p_user_id: user }))?.images, 1);
  assert.equal((await copiesOf(own)).length, 1);
  assert.equal((await copiesOf(blocked)).length, 0);
});

test('what succeeded, was canceled or deleted is not retried', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.complete(id, claimId);
  await callFunction(db.service, 'cancel_generation', {
    p_id: await generations.addPending(),
    p_user_id: null,
  });
  await callFunction(db.service, 'delete_generation', { p_id: await addFailed(), p_user_id: null });

  assert.equal((await retry())?.images, 0);
});

test('a user who is deleted meanwhile refuses the call, and nothing of it was done', async () => {
  const user = await db.createUser();
  await addFailed({ user_id: user, lane_key: 'user' });
  await addFailed();
  const [deletion, retrying] = [await db.connect({ asOwner: true }), await db.connect()];
  await deletion.query('begin');
  await deletion.query('delete from auth.users where id = $1', [user]);

  const refused = errorCode(ask('retry_failed_generations', {}, retrying as never));
  await untilBlocked(db, retrying);
  await deletion.query('commit');

  assert.equal(await refused, '23503');
  assert.equal((await retry())?.images, 1);
  assert.equal(await generations.waiting('user'), 0);
  deletion.release();
  retrying.release();
});

test('a lane that is full takes copies all the same', async () => {
  await db.sql('update public.settings set max_pending = 1');
  await generations.submit([newItem({ lane_key: 'full' })]);
  await addFailed({ lane_key: 'other' });
  await db.sql(`update public.generated_images set lane_key = 'full' where status = 'failed'`);

  const made = await retry();

  await db.sql('update public.settings set max_pending = 20000');
  assert.equal(made?.images, 1);
  assert.equal(await generations.waiting('full'), 2);
});
