import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, type Json, UNKNOWN_ID } from './api-client.ts';
import {
  codesOf,
  createDatasetClient,
  type DatasetClient,
  type FormPart,
  images,
  uploadFolders,
} from './dataset-client.ts';

const MOST = 14;

let stack: TestStack;
let generations: Generations;
let ownerId: string;
let api: ApiClient;
let datasets: DatasetClient;
let png: Buffer;
let jpeg: Buffer;
let webp: Buffer;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  const user = await stack.createUser();
  ownerId = user.id;
  // No worker has made the buckets yet, when the first upload comes.
  api = createApiClient((await stack.startApi()).url, user.token);
  datasets = createDatasetClient(api);
  [png, jpeg, webp] = await Promise.all([
    plainPicture(8, 8),
    plainPicture(8, 8, 'jpeg'),
    plainPicture(8, 8, 'webp'),
  ]);
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

const logo = (content: Buffer): FormPart[] => [{ name: 'logo', content, filename: 'logo.png' }];

async function addWithImages(...contents: Buffer[]): Promise<Json> {
  const { id } = await datasets.add({ brand: 'Coffee Co.' });
  if (contents.length === 0) return (await datasets.read(id)).body;
  const answer = await datasets.upload(id, images(...contents));
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

async function objectsOf(id: string, bucket = 'dataset-images'): Promise<string[]> {
  const { data, error } = await stack.supabase.storage.from(bucket).list(`${ownerId}/${id}`);
  if (error) throw error;
  return data.map(({ name }) => name);
}

async function bytesAt(url: string) {
  const response = await fetch(url);
  assert.equal(response.status, 200, url);
  const type = response.headers.get('content-type');
  return {
    type,
    cache: response.headers.get('cache-control'),
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

describe('images of a dataset', () => {
  it('are added in their order, and can be fetched under the type that their bytes have', async () => {
    const { id } = await datasets.add();

    const answer = await datasets.upload(id, images(png, jpeg, webp));

    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers.get('location'), `/ai/datasets/${id}`);
    assert.deepEqual((await datasets.read(id)).body, answer.body);
    const types = ['image/png', 'image/jpeg', 'image/webp'];
    const endings = ['png', 'jpg', 'webp'];
    for (const [index, bytes] of [png, jpeg, webp].entries()) {
      const image = answer.body.images[index];
      assert.deepEqual(Object.keys(image).sort(), ['id', 'mime_type', 'position', 'url']);
      assert.deepEqual([image.position, image.mime_type], [index, types[index]]);
      const path = `dataset-images/${ownerId}/${id}/${image.id}.${endings[index]}`;
      assert.equal(image.url, `${stack.supabaseUrl}/storage/v1/object/public/${path}`);
      assert.deepEqual(await bytesAt(image.url), {
        type: types[index],
        cache: 'max-age=31536000',
        bytes,
      });
    }
    assert.deepEqual(await uploadFolders(), []);
  });

  it('are at most 14, and every file without room is named', async () => {
    const { id } = await addWithImages(...Array.from({ length: MOST - 2 }, () => png));

    const answer = await datasets.upload(id, images(png, png, png, png));

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(codesOf(answer), { '/images/2': 'too_many', '/images/3': 'too_many' });
    assert.equal((await datasets.upload(id, images(png, jpeg))).body.images.length, MOST);
    assert.equal((await objectsOf(id)).length, MOST);
    assert.deepEqual(codesOf(await datasets.upload(id, images(png))), { '/images/0': 'too_many' });
  });

  it('of uploads that come at once are 14 in the end, and each upload is in whole or not at all', async () => {
    const { id } = await addWithImages(...Array.from({ length: 8 }, () => png));

    const answers = await Promise.all([
      datasets.upload(id, images(jpeg, jpeg, jpeg, jpeg, jpeg, jpeg)),
      datasets.upload(id, images(webp, webp, webp, webp, webp, webp)),
    ]);

    const [refused] = answers.filter(({ status }) => status !== 201);
    assert.ok(refused);
    assertProblem(refused, 422, 'validation_failed');
    assert.equal(Object.keys(codesOf(refused)).length, 6);
    const types = (await datasets.read(id)).body.images.map((image: Json) => image.mime_type);
    assert.equal(types.length, MOST);
    assert.equal(new Set(types.slice(8)).size, 1);
    assert.equal((await objectsOf(id)).length, MOST);
  });

  it('go one by one, and their objects with the clean-up', async () => {
    const { id, images: before } = await addWithImages(png, jpeg, webp);

    const answer = await datasets.removeImage(id, before[1].id);

    assert.deepEqual([answer.status, answer.text], [204, '']);
    const { images: left } = (await datasets.read(id)).body;
    assert.deepEqual(left, [before[0], before[2]]);
    assertProblem(await datasets.removeImage(id, before[1].id), 404, 'not_found');
    assertProblem(await datasets.removeImage(id, UNKNOWN_ID), 404, 'not_found');
    assertProblem(await datasets.removeImage(id, 'no-uuid'), 404, 'not_found');
    const elsewhere = await addWithImages(png);
    assertProblem(await datasets.removeImage(id, elsewhere.images[0].id), 404, 'not_found');
    assert.equal((await objectsOf(elsewhere.id)).length, 1);
  });
});

describe('the logo of a dataset', () => {
  it('is shown, replaced and taken away', async () => {
    const { id } = await addWithImages();

    const first = await datasets.setLogo(id, logo(png));
    assert.equal(first.status, 200, first.text);
    assert.ok(
      first.body.logo_url.startsWith(`${stack.supabaseUrl}/storage/v1/object/public/logos/${ownerId}/${id}/`),
    );
    assert.deepEqual((await bytesAt(first.body.logo_url)).bytes, png);
    const second = await datasets.setLogo(id, logo(webp));
    assert.match(second.body.logo_url, /\.webp$/);
    assert.equal((await bytesAt(second.body.logo_url)).type, 'image/webp');
    const gone = await datasets.removeLogo(id);

    assert.deepEqual([gone.status, gone.text], [204, '']);
    assert.equal((await datasets.read(id)).body.logo_url, null);
    assert.equal((await datasets.removeLogo(id)).status, 204);
  });

  it('is one file', async () => {
    const { id } = await addWithImages();

    for (const [parts, codes] of [
      [[...logo(png), ...logo(png)], { '/logo': 'too_many' }],
      [logo(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')), { '/logo': 'unreadable_image' }],
      [images(png), { '/images': 'unknown_field' }],
    ] as const) {
      const answer = await datasets.setLogo(id, [...parts]);
      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(codesOf(answer), codes);
    }
    assert.equal((await datasets.read(id)).body.logo_url, null);
    assert.deepEqual(await objectsOf(id, 'logos'), []);
  });
});

describe('with a worker', () => {
  before(() => stack.startWorker());

  it('uploaded images go to the model as reference images', async () => {
    const lamp = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#00ff00' } })
      .png()
      .toBuffer();
    const { id: dataset_id } = await addWithImages(lamp, jpeg);

    const plain = await api.submit({ prompt: 'A bar [[sim:bytes=1024]]' });
    const { id, reference_images_count, prompt_used } = await api.submit({
      prompt: 'A bar [[sim:bytes=1024]]',
      dataset_id,
    });

    assert.equal(reference_images_count, 2);
    assert.match(prompt_used, /^Brand: Coffee Co\./);
    const [row, without] = await Promise.all([generations.waitForEnd(id), generations.waitForEnd(plain.id)]);
    assert.deepEqual([row.status, without.status], ['succeeded', 'succeeded']);
    // The simulator counts 1,120 tokens for each reference image that it could decode.
    const tokens = (usage: Record<string, number> | null) => usage?.input_tokens ?? Number.NaN;
    const more = tokens(row.usage) - tokens(without.usage);
    assert.ok(more >= 2 * 560, `${more} tokens more`);
  });

  it('the objects of what was removed, replaced or deleted go, and no others', async () => {
    const kept = await addWithImages(png, png);
    const deleted = await addWithImages(png, jpeg);
    await datasets.setLogo(kept.id, logo(png));
    await datasets.setLogo(kept.id, logo(webp));
    await datasets.setLogo(deleted.id, logo(png));
    await datasets.removeImage(kept.id, kept.images[0].id);
    await datasets.remove(deleted.id);

    await stack.sql('update public.storage_cleanup set due_at = now()');

    await generations.waitFor(async () => {
      assert.deepEqual(await objectsOf(kept.id), [`${kept.images[1].id}.png`]);
      assert.deepEqual(await objectsOf(deleted.id), []);
      assert.deepEqual(await objectsOf(deleted.id, 'logos'), []);
      const [name] = await objectsOf(kept.id, 'logos');
      assert.equal((await datasets.read(kept.id)).body.logo_url.split('/').at(-1), name);
      assert.equal((await objectsOf(kept.id, 'logos')).length, 1);
      assert.deepEqual(await stack.sql('select 1 from public.storage_cleanup where due_at <= now()'), []);
    });
    assert.equal((await bytesAt(kept.images[1].url)).type, 'image/png');
  });
});
