import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createDatasets } from '../support/sql-datasets.ts';
import { race } from '../support/sql-race.ts';

const db = await openSqlDatabase();
const datasets = createDatasets(db);
beforeEach(() => db.sql('delete from public.datasets; delete from public.storage_cleanup'));
after(() => db.close());

const MOST = 14;
const USER = randomUUID();

async function addWithImages(count: number) {
  const dataset = await datasets.add(USER);
  const imageIds = Array.from({ length: count }, () => randomUUID() as string);
  for (const imageId of imageIds) await datasets.addImage(dataset.id, USER, { imageId });
  return { id: dataset.id, imageIds };
}

test('images stand in the order in which they were added, also in what a prompt is given', async () => {
  const { id, imageIds } = await addWithImages(3);

  const [context] = await callFunction<{ reference_images: unknown }>(db.service, 'get_dataset_context', {
    p_dataset_id: id,
    p_user_id: USER,
  });

  const path = (imageId: string) => `${USER}/${id}/${imageId}.png`;
  assert.deepEqual(
    (await datasets.get(id, USER))?.images,
    imageIds.map((imageId, position) => ({
      id: imageId,
      position,
      storage_path: path(imageId),
      mime_type: 'image/png',
    })),
  );
  assert.deepEqual(
    context?.reference_images,
    imageIds.map((imageId) => ({ bucket: 'dataset-images', path: path(imageId) })),
  );
});

test('an image that is added again under its id changes nothing', async () => {
  const { id, imageIds } = await addWithImages(MOST);
  const before = await datasets.get(id, USER);

  assert.deepEqual(await datasets.addImage(id, USER, { imageId: String(imageIds[3]) }), before);
});

test('the fifteenth image is refused, and a removed one makes room at the end', async () => {
  const { id, imageIds } = await addWithImages(MOST);

  assert.equal(await errorCode(datasets.addImage(id, USER)), 'DRMAX');
  await datasets.removeImage(id, USER, String(imageIds[0]));
  const added = randomUUID();
  const dataset = await datasets.addImage(id, USER, { imageId: added });

  assert.deepEqual(
    dataset?.images.map((image) => image.id),
    [...imageIds.slice(1), added],
  );
});

test('of two images for the last place one is refused', async () => {
  const { id } = await addWithImages(MOST - 1);

  const second = race(
    db,
    (client) => datasets.addImage(id, USER, { client }),
    (client) => datasets.addImage(id, USER, { client }),
  );

  assert.equal(await errorCode(second), 'DRMAX');
  assert.equal((await datasets.get(id, USER))?.images.length, MOST);
});

test('images that are added together are all in, in their order, or none is', async () => {
  const { id, imageIds } = await addWithImages(MOST - 3);
  const three = Array.from({ length: 3 }, () => randomUUID() as string);

  assert.equal(await errorCode(datasets.addImages(id, USER, [...three, randomUUID()])), 'DRMAX');
  assert.equal((await datasets.get(id, USER))?.images.length, MOST - 3);
  const added = await datasets.addImages(id, USER, three);

  assert.deepEqual(
    added?.images.map((image) => image.id),
    [...imageIds, ...three],
  );
  assert.deepEqual(await datasets.addImages(id, USER, three), added);
  assert.equal(await datasets.addImages(id, randomUUID(), three), undefined);
});

test('a submit that refers to a dataset does not wait for an image that is being added', async () => {
  const { id } = await addWithImages(1);

  await race(
    db,
    (client) => datasets.addImage(id, USER, { client }),
    (client) =>
      client.query(
        `insert into public.generated_images (prompt, full_prompt, image_url, dataset_id) values ('a', 'a', 'u', $1)`,
        [id],
      ),
    { secondWaits: false },
  );
});

test('the object of a removed image goes when jobs have had time to fetch it; removing it again changes nothing', async () => {
  const { id, imageIds } = await addWithImages(2);
  const [removed, kept] = imageIds as [string, string];

  const dataset = await datasets.removeImage(id, USER, removed);
  const again = await datasets.removeImage(id, USER, removed);

  assert.deepEqual(
    dataset?.images.map((image) => image.id),
    [kept],
  );
  assert.deepEqual(again, dataset);
  assert.deepEqual(await datasets.planned(), [
    { bucket: 'dataset-images', path: `${USER}/${id}/${removed}.png`, minutes: 60 },
  ]);
});

test("an image is not removed through another's dataset", async () => {
  const { id, imageIds } = await addWithImages(1);
  const other = randomUUID();
  const others = await datasets.add(other);

  await datasets.removeImage(others.id, other, String(imageIds[0]));

  assert.equal((await datasets.get(id, USER))?.images.length, 1);
});

test('a new logo hands the one before to the clean-up, and the same again does not', async () => {
  const { id } = await addWithImages(0);
  await datasets.setLogo(id, USER, 'a.png');

  await datasets.setLogo(id, USER, 'a.png');
  assert.deepEqual(await datasets.planned(), []);
  const replaced = await datasets.setLogo(id, USER, 'b.png');
  const removed = await datasets.setLogo(id, USER, null);

  assert.deepEqual([replaced?.logo_path, removed?.logo_path], ['b.png', null]);
  assert.deepEqual(await datasets.planned(), [
    { bucket: 'logos', path: 'a.png', minutes: 0 },
    { bucket: 'logos', path: 'b.png', minutes: 0 },
  ]);
});
