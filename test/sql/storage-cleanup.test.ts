import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

type Folder = { folder: string; keep: string | null };
const list = async (): Promise<Folder[]> =>
  (await callFunction<Folder[]>(db.service, 'list_storage_cleanup'))[0] ?? [];
const finish = (folders: string[], client: Parameters<typeof callFunction>[0] = db.service) =>
  callFunction(client, 'finish_storage_cleanup', { p_folders: folders });
const becomeDue = () => db.sql(`update public.storage_cleanup set due_at = now() - interval '1 second'`);
const planned = async () =>
  (await db.sql<{ folder: string }>('select folder from public.storage_cleanup order by 1')).map(
    (row) => row.folder,
  );

/** An image with so many attempts before the one that holds it. */
async function processingAgain(attempts: number, fields = {}) {
  let held = await generations.addProcessing(fields);
  for (let n = 1; n < attempts; n += 1) {
    await generations.giveBack(held.id, held.claimId, { p_billed: true });
    await generations.markReleased(held.id);
    held = { ...held, claimId: randomUUID() };
    await generations.claim(held.id, held.workerId, held.claimId);
  }
  return held;
}

const ENDS: Record<string, (id: string, claimId: string) => Promise<unknown>> = {
  succeeded: (id, claimId) => generations.complete(id, claimId),
  failed: (id, claimId) => generations.fail(id, claimId),
  canceled: async (id, claimId) => {
    await generations.requestCancel(id);
    await generations.giveBack(id, claimId);
  },
  expired: async (id) => {
    await generations.passDeadline(id);
    await generations.expire();
  },
};

for (const [end, reach] of Object.entries(ENDS)) {
  for (const attempts of [1, 2]) {
    const plans = attempts > 1 || end !== 'succeeded';
    test(`the folder of an image that ${end} at attempt ${attempts} is ${plans ? '' : 'not '}looked over later`, async () => {
      const { id, claimId } = await processingAgain(attempts);

      await reach(id, claimId);

      assert.deepEqual(await planned(), plans ? [`anonymous/${id}`] : []);
      assert.deepEqual(await list(), []);
    });
  }
}

test('an image that no worker ever took has no folder to look over', async () => {
  const [expired, deleted] = [await generations.addPending(), await generations.addPending()];
  await generations.passDeadline(expired);
  await generations.expire();

  await db.sql('delete from public.generated_images where id = $1', [deleted]);

  assert.deepEqual(await planned(), []);
});

test('an image that goes back to waiting plans nothing', async () => {
  await processingAgain(3);

  assert.deepEqual(await planned(), []);
});

test('a folder is due after the time in settings', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);

  const rows = await db.sql<{ hours: number }>(
    `select round(extract(epoch from due_at - now()) / 3600)::integer as hours from public.storage_cleanup`,
  );

  assert.deepEqual(rows, [{ hours: 1 }]);
});

test('of a folder that is due the object that its image names is kept', async () => {
  const [kept, lost] = [await processingAgain(2), await processingAgain(2)];
  await generations.complete(kept.id, kept.claimId);
  await generations.fail(lost.id, lost.claimId);
  await becomeDue();

  const folders = new Map((await list()).map(({ folder, keep }) => [folder, keep]));

  assert.equal(folders.size, 2);
  assert.equal(folders.get(`anonymous/${kept.id}`), `anonymous/${kept.id}/1.png`);
  assert.equal(folders.get(`anonymous/${lost.id}`), null);
});

test('nothing is kept of an image that was deleted', async () => {
  const userId = await db.createUser();
  const [gone, hidden] = [await generations.addProcessing({ user_id: userId }), await processingAgain(2)];
  await generations.complete(gone.id, gone.claimId);
  await generations.complete(hidden.id, hidden.claimId);
  await db.sql('update public.generated_images set deleted_at = now() where id = $1', [hidden.id]);

  await db.sql('delete from auth.users where id = $1', [userId]);

  await becomeDue();
  const folders = new Map((await list()).map(({ folder, keep }) => [folder, keep]));
  assert.deepEqual(
    folders,
    new Map([
      [`${userId}/${gone.id}`, null],
      [`anonymous/${hidden.id}`, null],
    ]),
  );
});

test('the folder of an image that is deleted while a worker is at it is looked over later', async () => {
  const { id } = await generations.addProcessing();

  await db.sql('delete from public.generated_images where id = $1', [id]);

  assert.deepEqual(await planned(), [`anonymous/${id}`]);
});

test('the folder of an active image is never listed', async () => {
  const { id } = await generations.addProcessing();
  await db.sql(
    `insert into public.storage_cleanup (folder, image_id, due_at) values ($1, $2, now() - interval '1 hour')`,
    [`anonymous/${id}`, id],
  );

  assert.deepEqual(await list(), []);
});

test('at most 100 folders are listed, the longest due first', async () => {
  await db.sql(`insert into public.storage_cleanup (folder, image_id, due_at)
    select 'anonymous/' || n, gen_random_uuid(), now() - n * interval '1 minute' from generate_series(1, 101) n`);

  const folders = (await list()).map((row) => row.folder);

  assert.equal(folders.length, 100);
  assert.ok(!folders.includes('anonymous/1'));
});

test('a folder that is finished is not listed again', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);
  await becomeDue();

  await finish([`anonymous/${id}`, 'anonymous/unknown']);

  assert.deepEqual(await planned(), []);
});

test('a folder that was planned anew while it was looked over stays', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);
  await becomeDue();
  await list();
  await db.sql('delete from public.generated_images where id = $1', [id]);

  await finish([`anonymous/${id}`]);

  assert.deepEqual(await planned(), [`anonymous/${id}`]);
});

test('finishing folders while their images are deleted is no deadlock', async () => {
  const images = [await generations.addProcessing(), await generations.addProcessing()];
  for (const { id, claimId } of images) await generations.fail(id, claimId);
  await becomeDue();
  const [first, second] = images.map(({ id }) => id) as [string, string];
  const [deleter, finisher] = [await db.connect({ asOwner: true }), await db.connect()];
  const remove = (id: string) => deleter.query('delete from public.generated_images where id = $1', [id]);
  await deleter.query('begin');
  await remove(second);

  const finished = finish([`anonymous/${first}`, `anonymous/${second}`], finisher);
  await Promise.race([finished, untilBlocked(db, finisher)]);
  const outcomes = await Promise.allSettled([remove(first), finished]);
  await deleter.query('commit');

  deleter.release();
  finisher.release();
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['fulfilled', 'fulfilled'],
  );
});
