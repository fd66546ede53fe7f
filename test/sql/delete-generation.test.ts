import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { race } from '../support/sql-race.ts';
import type { Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

type Client = Parameters<typeof callFunction>[0];
type Tombstone = Row & { deleted_at: string | null; cancel_requested_at: string | null };
const remove = async (id: string, args: object = {}, client: Client = db.service) =>
  (await callFunction<Tombstone>(client, 'delete_generation', { p_id: id, p_user_id: null, ...args }))[0];
const get = async (id: string) =>
  (await callFunction<Tombstone>(db.service, 'get_generation', { p_id: id, p_user_id: null }))[0];
const cancel = async (id: string, args: object) =>
  (await callFunction<Row>(db.service, 'cancel_generation', { p_id: id, ...args }))[0];
const becomeDue = () => db.sql(`update public.storage_cleanup set due_at = now() - interval '1 second'`);
const planned = () =>
  db.sql<{ path: string; is_object: boolean; minutes: number }>(
    `select folder as path, is_object, ceil(extract(epoch from due_at - now()) / 60)::integer as minutes
     from public.storage_cleanup order by folder`,
  );
const ends = async (id: string) =>
  (await generations.events(id)).map((event) => event.to_status).filter((to) => !/^p/.test(to));

for (const state of ['waiting', 'released'] as const) {
  test(`a ${state} image that is deleted is canceled at once and leaves its lane's count right`, async () => {
    const lane = randomUUID();
    await generations.addPending({ lane_key: lane });
    const id = await generations.addPending({ lane_key: lane, released: state === 'released' });

    const row = await remove(id);

    assert.equal(row?.status, 'canceled');
    assert.notEqual(row?.deleted_at, null);
    assert.equal(await generations.waiting(lane), 1);
    assert.deepEqual(await ends(id), ['canceled']);
    assert.deepEqual(await planned(), []);
  });
}

test('an image that is deleted while it is processed is canceled when its worker has stopped', async () => {
  const worker = await generations.addWorker();
  const { id, claimId } = await generations.addProcessing({ worker });

  const row = await remove(id);
  const told = await generations.beat(worker, [{ id, claim_id: claimId }]);
  await generations.giveBack(id, claimId);

  assert.equal(row?.status, 'processing');
  assert.notEqual(row?.cancel_requested_at, null);
  assert.deepEqual(told?.stop, [{ id, claim_id: claimId, reason: 'cancel_requested' }]);
  assert.deepEqual(await ends(id), ['canceled']);
  assert.notEqual((await get(id))?.deleted_at, null);
});

test("an image that is completed after it was deleted is canceled, and its object is nobody's", async () => {
  const { id, claimId } = await generations.addProcessing();
  await remove(id);

  const answer = await generations.complete(id, claimId);

  assert.equal(answer, undefined);
  assert.partialDeepStrictEqual(await generations.row(id), {
    status: 'canceled',
    storage_path: null,
    image_url: null,
    cost_usd: 0.04,
  });
  assert.deepEqual(await ends(id), ['canceled']);
  assert.deepEqual(await planned(), [{ path: `anonymous/${id}`, is_object: false, minutes: 60 }]);
});

test('the row of a dead worker that was deleted is canceled by the next, not made again', async () => {
  const worker = await generations.addWorker();
  const { id } = await generations.addProcessing({ worker });
  await remove(id);
  await generations.kill(worker);

  await generations.claim(id, await generations.addWorker({ unbroken: true }), randomUUID());

  assert.partialDeepStrictEqual(await generations.row(id), { status: 'canceled', attempt: 1 });
});

test('the object of a finished image that is deleted goes at once', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.complete(id, claimId);

  const row = await remove(id);
  const [claims] = await callFunction<object[]>(db.service, 'claim_storage_cleanup');
  const path = `anonymous/${id}/1.png`;
  const listed = claims?.map((claim) => ({ ...claim, paths: [path] }));
  const [stray] = await callFunction(db.service, 'find_stray_objects', { p_listed: JSON.stringify(listed) });

  assert.equal(row?.status, 'succeeded');
  assert.partialDeepStrictEqual(claims, [{ folder: path, is_object: true }]);
  assert.partialDeepStrictEqual(stray, [{ paths: [path] }]);
  assert.deepEqual(await ends(id), ['succeeded']);
});

test('what attempts may store late is still looked for after an image of several attempts was deleted', async () => {
  const { id, claimId } = await generations.addProcessingAgain(2);
  await generations.complete(id, claimId);

  await remove(id);

  assert.deepEqual(await planned(), [
    { path: `anonymous/${id}`, is_object: false, minutes: 60 },
    { path: `anonymous/${id}/1.png`, is_object: true, minutes: 0 },
    { path: `anonymous/${id}/1.thumb.webp`, is_object: true, minutes: 0 },
  ]);
});

test('deleting again answers the same row and plans nothing anew', async () => {
  const ended = await generations.addProcessing();
  await generations.complete(ended.id, ended.claimId);
  const active = await generations.addProcessing();
  for (const { id } of [ended, active]) {
    const first = await remove(id);
    await db.sql('delete from public.storage_cleanup');

    const second = await remove(id);

    assert.deepEqual(second, first);
    assert.deepEqual(await planned(), []);
  }
});

test('a deleted image is answered by its id, told as deleted, and a caller sees the change', async () => {
  const { id, claimId } = await generations.addProcessing();
  const done = await generations.complete(id, claimId);

  await remove(id);

  const row = await get(id);
  assert.notEqual(row?.deleted_at, null);
  assert.equal(row?.status_sequence, Number(done?.status_sequence) + 1);
});

test('only its user and an admin can delete or cancel an image', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const mine = await generations.addPending({ user_id: user });
  const canceled = await generations.addPending({ user_id: user });
  const anonymous = await generations.addPending();

  assert.deepEqual(
    [
      await remove(mine, { p_user_id: other }),
      await remove(mine),
      await remove(anonymous, { p_user_id: user }),
      await remove(randomUUID()),
      await cancel(mine, { p_user_id: other }),
      await cancel(mine, { p_user_id: null }),
    ],
    Array(6).fill(undefined),
  );
  assert.equal((await cancel(canceled, { p_user_id: null, p_admin: true }))?.status, 'canceled');
  assert.equal((await remove(mine, { p_user_id: user }))?.id, mine);
  assert.equal((await remove(canceled, { p_admin: true }))?.id, canceled);
  assert.equal((await remove(anonymous))?.id, anonymous);
});

test('a delete that meets a completion waits for it, and the objects go', async () => {
  const { id, claimId } = await generations.addProcessing();

  const row = (await race(
    db,
    (client) => generations.complete(id, claimId, {}, client),
    (client) => remove(id, {}, client),
  )) as Tombstone;

  assert.equal(row.status, 'succeeded');
  assert.deepEqual(
    (await planned()).map(({ path }) => path),
    [`anonymous/${id}/1.png`, `anonymous/${id}/1.thumb.webp`],
  );
});

test('a completion that meets a delete waits for it, and loses', async () => {
  const { id, claimId } = await generations.addProcessing();

  const answer = await race(
    db,
    (client) => remove(id, {}, client),
    (client) => generations.complete(id, claimId, {}, client),
  );

  assert.equal(answer, undefined);
  assert.deepEqual(await ends(id), ['canceled']);
});

test('a tombstone goes after thirty days, with its folder looked over once more', async () => {
  const [old, young] = [await generations.addProcessing(), await generations.addProcessing()];
  for (const { id, claimId } of [old, young]) {
    await generations.complete(id, claimId);
    await remove(id);
  }
  await db.sql(`update public.generated_images set deleted_at = now() - interval '31 days' where id = $1`, [
    old.id,
  ]);
  await becomeDue();

  await callFunction(db.service, 'prune_queue_tables');

  assert.equal(await generations.row(old.id), undefined);
  assert.notEqual(await generations.row(young.id), undefined);
  assert.ok((await planned()).some(({ path }) => path === `anonymous/${old.id}`));
});
