import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import type pg from 'pg';
import { callFunction, openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createDatasets } from '../support/sql-datasets.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { race } from '../support/sql-race.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const datasets = createDatasets(db);
const generations = createGenerations(db);
beforeEach(async () => {
  await generations.clear();
  await db.sql('delete from public.datasets; delete from public.storage_cleanup');
});
after(() => db.close());

async function addFailed(): Promise<string> {
  const { id, claimId } = await generations.addProcessing();
  await generations.fail(id, claimId);
  return id;
}

async function retry(client: pg.PoolClient): Promise<{ images: number } | undefined> {
  const [made] = await callFunction<{ images: number }>(client, 'retry_failed_generations', {
    p_since: new Date(0),
    p_until: null,
    p_codes: null,
    p_model: null,
    p_user_id: null,
    p_limit: 100,
  });
  return made;
}

/** Deletes it as an admin: what each step answers. */
async function steps(datasetId: string): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (;;) {
    const step = await datasets.remove(datasetId, null, true);
    if (!step) return answers;
    answers.push(step.deleted);
  }
}

test('a deleted dataset leaves its generated images without it and its objects to the clean-up', async () => {
  const user = await db.createUser();
  const dataset = await datasets.add(user);
  const image = (await datasets.addImage(dataset.id, user))?.images[0];
  await datasets.setLogo(dataset.id, user, `${user}/${dataset.id}/logo.png`);
  const { id, claimId } = await generations.addProcessing({ user_id: user, dataset_id: dataset.id });
  await generations.complete(id, claimId);

  assert.deepEqual(await steps(dataset.id), [false, true]);
  assert.equal(await datasets.get(dataset.id, user), undefined);
  assert.partialDeepStrictEqual(await generations.row(id), { status: 'succeeded', dataset_id: null });
  assert.deepEqual(await datasets.planned(), [
    { bucket: 'dataset-images', path: image?.storage_path, minutes: 60 },
    { bucket: 'logos', path: `${user}/${dataset.id}/logo.png`, minutes: 60 },
  ]);
  assert.equal(await datasets.remove(dataset.id, user), undefined);
});

test('a dataset of more generated images than a call has time for goes in steps', async () => {
  const dataset = await datasets.add(null);
  await db.sql(
    `insert into public.generated_images (prompt, full_prompt, image_url, dataset_id)
     select 'a', 'a', 'u', $1 from generate_series(1, 2500)`,
    [dataset.id],
  );

  assert.deepEqual(await steps(dataset.id), [false, false, true]);
});

test('a dataset whose generated image is just locked is deleted when it is free, without waiting', async () => {
  const dataset = await datasets.add(null);
  const { id } = await generations.addProcessing({ dataset_id: dataset.id });
  const holder = await db.connect();
  await holder.query('begin');
  await holder.query('select from public.generated_images where id = $1 for update', [id]);

  const first = await datasets.remove(dataset.id, null, true);
  await holder.query('rollback');
  holder.release();

  assert.equal(first?.deleted, false);
  assert.deepEqual(await steps(dataset.id), [false, true]);
});

test('a deletion does not wait for a retry of the same images, whose copies lose the dataset, too', async () => {
  const dataset = await datasets.add(null);
  const [first, second] = [await addFailed(), await addFailed()].sort();
  await db.sql('update public.generated_images set dataset_id = $1 where id = $2', [dataset.id, second]);
  const [holder, retrying] = [await db.connect(), await db.connect()];
  await holder.query('begin');
  // The retry stops here, with its copies made and the image of the dataset not locked yet.
  await holder.query('select from public.generated_images where id = $1 for update', [first]);
  const retried = retry(retrying);
  await untilBlocked(db, retrying);

  const step = await datasets.remove(dataset.id, null, true);
  await holder.query('rollback');

  assert.equal(step?.deleted, false);
  assert.equal((await retried)?.images, 2);
  assert.deepEqual(await steps(dataset.id), [false, true]);
  holder.release();
  retrying.release();
});

test('an image that is submitted while its dataset is deleted is there without it', async () => {
  const dataset = await datasets.add(null);
  const item = newItem({ dataset_id: dataset.id });

  const step = await race(
    db,
    (client) => generations.submit([item], client),
    (client) => callFunction(client, 'delete_dataset', { p_id: dataset.id, p_user_id: null, p_admin: true }),
  );

  assert.deepEqual(step, [{ id: dataset.id, deleted: false }]);
  assert.deepEqual(await steps(dataset.id), [false, true]);
  assert.partialDeepStrictEqual(await generations.row(item.id), { status: 'pending', dataset_id: null });
});
