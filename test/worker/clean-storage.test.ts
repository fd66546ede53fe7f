import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  await stack.startWorker();
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

async function upload(bucket: string, path: string): Promise<void> {
  const { error } = await stack.supabase.storage
    .from(bucket)
    .upload(path, Buffer.from('png'), { contentType: 'image/png' });
  if (error) throw error;
}

async function namesIn(bucket: string, folder: string): Promise<string[]> {
  const { data, error } = await stack.supabase.storage.from(bucket).list(folder);
  if (error) throw error;
  return data.map(({ name }) => name);
}

test('of an upload without a row the object goes, and one that a dataset names stays', async () => {
  const dataset = randomUUID();
  const folder = `shared/${dataset}`;
  await upload('dataset-images', `${folder}/named.png`);
  await upload('dataset-images', `${folder}/left.png`);
  await stack.sql('insert into public.datasets (id) values ($1)', [dataset]);
  await stack.sql(
    `insert into public.dataset_images (dataset_id, storage_path, mime_type) values ($1, $2, 'image/png')`,
    [dataset, `${folder}/named.png`],
  );

  await stack.sql('select public.plan_folder_cleanup($1, $2, 0)', ['dataset-images', folder]);

  await generations.waitFor(async () =>
    assert.deepEqual(await namesIn('dataset-images', folder), ['named.png']),
  );
});

test('a single object that is planned goes and leaves its neighbours', async () => {
  const folder = randomUUID();
  await upload('logos', `${folder}/old.png`);
  await upload('logos', `${folder}/other.png`);

  await stack.sql(`select public.plan_object_cleanup('logos', array[$1], interval '0')`, [
    `${folder}/old.png`,
  ]);

  await generations.waitFor(async () => assert.deepEqual(await namesIn('logos', folder), ['other.png']));
});

test('the object of an image that is deleted goes soon', async () => {
  const id = await generations.submit();
  await generations.waitForStatus(id, 'succeeded');

  await stack.sql('select public.delete_generation($1, null)', [id]);

  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
  assert.equal((await generations.row(id)).status, 'succeeded');
});

test('an image that is deleted in the middle of its call is canceled and leaves nothing', async () => {
  const id = await generations.submit('[[sim:fault=hold:503]]');
  await stack.gemini.control.waitForCall(id);

  await stack.sql('select public.delete_generation($1, null)', [id]);

  assert.equal((await generations.waitForEnd(id)).status, 'canceled');
  assert.deepEqual(await generations.objects(id), []);
});
