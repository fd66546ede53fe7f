import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import { createCleanup } from '../support/sql-cleanup.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const { becomeDue, claim, findStray, finish, planned } = createCleanup(db);
beforeEach(() => generations.clear());
after(() => db.close());

const planFolder = (bucket: string, folder: string, afterMs = 3_600_000) =>
  callFunction(db.service, 'plan_folder_cleanup', {
    p_bucket: bucket,
    p_folder: folder,
    p_after_ms: afterMs,
  });

test('a folder that is planned for an upload is due when the upload has had its time', async () => {
  await planFolder('dataset-images', 'shared/a', 0);
  await planFolder('dataset-images', 'shared/b');

  const claims = await claim();

  assert.partialDeepStrictEqual(claims, [{ bucket: 'dataset-images', folder: 'shared/a', is_object: false }]);
  assert.equal(claims.length, 1);
});

test('of two uploads into one folder the later time counts', async () => {
  await planFolder('dataset-images', 'shared/a');
  await planFolder('dataset-images', 'shared/a', 0);

  assert.deepEqual(await claim(), []);
});

test('an upload that is planned after the claim voids it, so its object stays', async () => {
  await planFolder('logos', 'shared/a', 0);
  const claims = await claim();

  await planFolder('logos', 'shared/a', 0);

  assert.deepEqual(await findStray(claims, ['new.png']), new Map());
  await finish(claims);
  assert.deepEqual(await planned(), ['shared/a']);
});

test('an object that a dataset names is no stray one, as image and as logo', async () => {
  const dataset = await db.createDataset();
  await db.sql(
    `insert into public.dataset_images (dataset_id, storage_path, mime_type) values ($1, $2, 'image/png')`,
    [dataset, `shared/${dataset}/named.png`],
  );
  await db.sql('update public.datasets set logo_path = $1 where id = $2', [
    `logos-of/${dataset}/named.png`,
    dataset,
  ]);
  await planFolder('dataset-images', `shared/${dataset}`, 0);
  await planFolder('logos', `logos-of/${dataset}`, 0);

  const stray = await findStray(await claim(), ['named.png', 'other.png']);

  assert.deepEqual(
    stray,
    new Map([
      [`shared/${dataset}`, ['other.png']],
      [`logos-of/${dataset}`, ['other.png']],
    ]),
  );
});

test('in a bucket whose rows nobody knows nothing is stray', async () => {
  await planFolder('reference-images', 'a', 0);

  assert.deepEqual(await findStray(await claim(), ['1.png']), new Map([['a', []]]));
});

test('a worker of before this sees folders of the one bucket that it knows, and finishes no others', async () => {
  const { id, claimId } = await generations.addProcessingAgain(2);
  await generations.complete(id, claimId);
  await planFolder('dataset-images', `anonymous/${id}`, 0);
  await becomeDue();

  const due = await callFunction(db.service, 'list_storage_cleanup');
  await callFunction(db.service, 'finish_storage_cleanup', { p_folders: [`anonymous/${id}`] });

  assert.deepEqual(due, [[{ folder: `anonymous/${id}`, keep: `anonymous/${id}/1.png` }]]);
  assert.partialDeepStrictEqual(await claim(), [{ bucket: 'dataset-images', folder: `anonymous/${id}` }]);
});
