import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import { type CleanupClaim, createCleanup } from '../support/sql-cleanup.ts';
import { openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const { becomeDue, claim, findStray, finish, planned } = createCleanup(db);
beforeEach(() => generations.clear());
after(() => db.close());

test('of a folder that is due the object that its image names is no stray one', async () => {
  const [kept, lost] = [await generations.addProcessingAgain(2), await generations.addProcessingAgain(2)];
  await generations.complete(kept.id, kept.claimId);
  await generations.fail(lost.id, lost.claimId);
  await becomeDue();

  const stray = await findStray(await claim(), ['1.png', '2.png']);

  assert.deepEqual(
    stray,
    new Map([
      [`anonymous/${kept.id}`, ['2.png']],
      [`anonymous/${lost.id}`, ['1.png', '2.png']],
    ]),
  );
});

test('a thumbnail is no stray object either', async () => {
  const { id, claimId } = await generations.addProcessingAgain(2);
  await generations.complete(id, claimId);
  await db.sql('update public.generated_images set thumbnail_path = $1 where id = $2', [
    `anonymous/${id}/1.thumb.webp`,
    id,
  ]);
  await becomeDue();

  const stray = await findStray(await claim(), ['1.png', '1.thumb.webp', '2.png']);

  assert.deepEqual(stray, new Map([[`anonymous/${id}`, ['2.png']]]));
});

test('nothing is kept of an image that was deleted', async () => {
  const userId = await db.createUser();
  const [gone, hidden] = [
    await generations.addProcessing({ user_id: userId }),
    await generations.addProcessingAgain(2),
  ];
  await generations.complete(gone.id, gone.claimId);
  await generations.complete(hidden.id, hidden.claimId);
  await db.sql('update public.generated_images set deleted_at = now() where id = $1', [hidden.id]);

  await db.sql('delete from auth.users where id = $1', [userId]);

  await becomeDue();
  assert.deepEqual(
    await findStray(await claim(), ['1.png']),
    new Map([
      [`${userId}/${gone.id}`, ['1.png']],
      [`anonymous/${hidden.id}`, ['1.png']],
    ]),
  );
});

test('the folder of an active image is never claimed', async () => {
  const { id } = await generations.addProcessing();
  await db.sql(
    `insert into public.storage_cleanup (folder, image_id, due_at) values ($1, $2, now() - interval '1 hour')`,
    [`anonymous/${id}`, id],
  );

  assert.deepEqual(await claim(), []);
});

const addDue = (count: number) =>
  db.sql(
    `insert into public.storage_cleanup (folder, image_id, due_at)
     select 'anonymous/' || n, gen_random_uuid(), now() - n * interval '1 minute' from generate_series(1, $1) n`,
    [count],
  );

test('at most 100 folders are claimed, the longest due first', async () => {
  await addDue(101);

  const folders = (await claim()).map((row) => row.folder);

  assert.equal(folders.length, 100);
  assert.ok(!folders.includes('anonymous/1'));
});

test('folders that are never finished do not keep the others from their turn, and come again', async () => {
  await addDue(101);

  const rounds = [await claim(), await claim(), await claim()];
  await becomeDue();
  const again = await claim();

  assert.deepEqual(
    [...rounds, again].map((round) => round.length),
    [100, 1, 0, 100],
  );
});

test('two claims at once share the folders', async () => {
  await addDue(60);

  const rounds = await Promise.all([claim(), claim(), claim()]);

  const folders = rounds.flat().map((row) => row.folder);
  assert.deepEqual([folders.length, new Set(folders).size], [60, 60]);
});

test('a folder that is finished is not claimed again', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);
  await becomeDue();
  const claims = await claim();

  await finish([...claims, { ...(claims[0] as CleanupClaim), folder: 'anonymous/unknown' }]);

  assert.deepEqual(await planned(), []);
});

test('a folder that was planned anew while it was looked over stays as it is', async () => {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);
  await becomeDue();
  const claims = await claim();
  await db.sql('delete from public.generated_images where id = $1', [id]);

  const stray = await findStray(claims, ['1.png']);
  await finish(claims);

  assert.deepEqual(stray, new Map());
  assert.deepEqual(await planned(), [`anonymous/${id}`]);
});

test('finishing folders while their images are deleted is no deadlock', async () => {
  const images = [await generations.addProcessing(), await generations.addProcessing()];
  for (const { id, claimId } of images) await generations.fail(id, claimId);
  await becomeDue();
  const claims = await claim();
  const [first, second] = images.map(({ id }) => id) as [string, string];
  const [deleter, finisher] = [await db.connect({ asOwner: true }), await db.connect()];
  const remove = (id: string) => deleter.query('delete from public.generated_images where id = $1', [id]);
  await deleter.query('begin');
  await remove(second);

  const finished = finish(claims, finisher);
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
