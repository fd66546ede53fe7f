import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, pointersOf } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

type Dataset = { brand?: string | null; vibe?: string | null; elements?: unknown; images?: number };

async function createDataset({ brand = null, vibe = null, elements = null, images = 0 }: Dataset) {
  const id = randomUUID();
  await stack.sql('insert into datasets (id, brand, vibe, unique_visual_elements) values ($1, $2, $3, $4)', [
    id,
    brand,
    vibe,
    JSON.stringify(elements),
  ]);
  await stack.sql(
    `insert into dataset_images (dataset_id, position, storage_path, mime_type)
     select $1::uuid, n, $1::text || '/' || n || '.png', 'image/png' from generate_series(1, $2) n`,
    [id, images],
  );
  return id;
}

describe('the prompt that the model gets', () => {
  it('tells brand, vibe, visual elements and style before the prompt', async () => {
    const dataset_id = await createDataset({
      brand: 'Coffee Co.',
      vibe: 'cozy',
      elements: ['copper lamps', 'oak counter'],
    });

    const record = await api.submit({
      prompt: 'Modern coffee shop interior',
      dataset_id,
      style: 'pixel art',
    });

    assert.equal(
      record.prompt_used,
      'Brand: Coffee Co. Vibe: cozy. Visual elements: copper lamps, oak counter. Style: pixel art. ' +
        'Modern coffee shop interior',
    );
    assert.equal(record.prompt, 'Modern coffee shop interior');
    assert.equal(record.dataset_id, dataset_id);
    assert.deepEqual(record.unique_visual_elements, ['copper lamps', 'oak counter']);
  });

  it('is the prompt alone when a dataset says nothing', async () => {
    const dataset_id = await createDataset({});

    assert.equal((await api.submit({ prompt: 'A fox', dataset_id })).prompt_used, 'A fox');
  });

  it('takes the visual elements of an older dataset, which is an object', async () => {
    const dataset_id = await createDataset({ elements: { lamp: 'copper lamps', count: 3, wall: 'brick' } });

    const record = await api.submit({ prompt: 'A bar', dataset_id });

    assert.equal(record.prompt_used, 'Visual elements: copper lamps, brick. A bar');
  });

  it('spells a known style out, and names an unknown one', async () => {
    const known = await api.submit({ prompt: 'A fox', style: 'photorealistic' });
    const unknown = await api.submit({ prompt: 'A fox', style: ' constructor ' });

    assert.match(known.prompt_used, /^Style: Photorealistic, natural light.*\. A fox$/);
    assert.equal(known.style, 'photorealistic');
    assert.equal(unknown.prompt_used, 'Style: constructor. A fox');
  });
});

describe('the reference images of a dataset', () => {
  it('are counted and kept in their order', async () => {
    const dataset_id = await createDataset({ images: 14 });

    const record = await api.submit({ dataset_id });

    assert.equal(record.reference_images_count, 14);
    const [row] = await stack.sql('select reference_images from generated_images where id = $1', [record.id]);
    assert.deepEqual(row?.reference_images.slice(0, 2), [
      { bucket: 'dataset-images', path: `${dataset_id}/1.png` },
      { bucket: 'dataset-images', path: `${dataset_id}/2.png` },
    ]);
  });

  it('are at most 14', async () => {
    const dataset_id = await createDataset({ images: 15 });

    const answer = await api.generate({ prompt: 'A fox', dataset_id });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/dataset_id']);
  });
});

describe('a dataset', () => {
  it('of nobody may be used by all', async () => {
    const user = await stack.createUser();
    const dataset_id = await createDataset({ brand: 'Open' });
    const { url } = await stack.startApi();

    const record = await createApiClient(url, user.token).submit({ prompt: 'A fox', dataset_id });

    assert.equal(record.prompt_used, 'Brand: Open. A fox');
  });

  it('of a user may be used by that user only, and is unknown to others', async () => {
    const [owner, other] = [await stack.createUser(), await stack.createUser()];
    const dataset_id = await createDataset({ brand: 'Mine' });
    await stack.sql('update datasets set owner_id = $2 where id = $1', [dataset_id, owner.id]);
    const { url } = await stack.startApi();

    const mine = await createApiClient(url, owner.token).submit({ dataset_id });
    const theirs = await createApiClient(url, other.token).generate({ prompt: 'A fox', dataset_id });
    const nobodys = await api.generate({ prompt: 'A fox', dataset_id });
    const unknown = await api.generate({ prompt: 'A fox', dataset_id: randomUUID() });

    assert.equal(mine.dataset_id, dataset_id);
    for (const answer of [theirs, nobodys, unknown]) {
      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(answer.body.errors, unknown.body.errors);
    }
  });

  it('that goes later leaves the record, without its id', async () => {
    const dataset_id = await createDataset({ brand: 'Gone' });
    const { id } = await api.submit({ prompt: 'A fox', dataset_id });
    await stack.sql('delete from datasets where id = $1', [dataset_id]);

    const { body } = await api.read(id);

    assert.equal(body.dataset_id, null);
    assert.equal(body.prompt_used, 'Brand: Gone. A fox');
  });
});
