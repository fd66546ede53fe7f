import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type ApiClient,
  assertProblem,
  countWritten,
  createApiClient,
  IMAGES,
  type Json,
  pointersOf,
} from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  api = createApiClient(url);
});
after(() => stack.stop());

const regenerate = (id: string, changes: unknown = {}, headers: Record<string, string> = {}, caller = api) =>
  caller.send('POST', `${IMAGES}/${id}/regenerate`, {
    body: JSON.stringify(changes),
    headers: { 'content-type': 'application/json', ...headers },
  });

const CONTENT = [
  'prompt',
  'prompt_used',
  'dataset_id',
  'style',
  'aspect_ratio',
  'quality',
  'format',
] as const;
const SETTINGS = [...CONTENT, 'resolution', 'model', 'metadata', 'reference_images_count'];
const pick = (record: Json, names: readonly string[]) => names.map((name) => record[name]);

async function addDataset(brand: string): Promise<string> {
  const id = randomUUID();
  await stack.sql('insert into public.datasets (id, brand) values ($1, $2)', [id, brand]);
  return id;
}

describe('an image made again', () => {
  it('is a new one of the same request, with its lineage', async () => {
    const parent = await api.submit({
      style: 'anime',
      aspect_ratio: '16:9',
      quality: 'high',
      format: 'webp',
      metadata: { row: '17' },
    });

    const answer = await regenerate(parent.id);

    assert.equal(answer.status, 202, answer.text);
    const child = answer.body;
    assert.equal(answer.headers.get('location'), `${IMAGES}/${child.id}`);
    assert.notEqual(child.id, parent.id);
    assert.deepEqual(pick(child, SETTINGS), pick(parent, SETTINGS));
    assert.deepEqual([child.parent_id, child.root_id], [parent.id, parent.root_id]);
    const grandchild = (await regenerate(child.id)).body;
    assert.deepEqual([grandchild.parent_id, grandchild.root_id], [child.id, parent.root_id]);
    const { body } = await api.history(`?root_id=${parent.root_id}&order=asc`);
    assert.deepEqual(
      body.items.map((item: Json) => item.id),
      [parent.id, child.id, grandchild.id],
    );
  });

  it('has as long as the first one had, unless told otherwise', async () => {
    const parent = await api.submit({ deadline_seconds: 600 });
    const secondsOf = ({ body }: { body: Json }) =>
      Math.round((Date.parse(body.deadline_at) - Date.parse(body.created_at)) / 1000);

    const [again, longer] = [
      await regenerate(parent.id),
      await regenerate(parent.id, { deadline_seconds: 700 }),
    ];

    assert.deepEqual([secondsOf(again), secondsOf(longer)], [600, 700]);
  });

  it('needs no body when nothing is to change', async () => {
    const parent = await api.submit({ style: 'anime' });
    const path = `${IMAGES}/${parent.id}/regenerate`;

    const [none, empty] = [
      await api.send('POST', path),
      await api.send('POST', path, { body: '', headers: { 'content-type': 'application/json' } }),
    ];

    for (const answer of [none, empty]) {
      assert.equal(answer.status, 202, answer.text);
      assert.deepEqual(pick(answer.body, SETTINGS), pick(parent, SETTINGS));
    }
    const form = await api.send('POST', path, { body: new URLSearchParams({ style: 'anime' }) });
    assertProblem(form, 415, 'unsupported_media_type');
  });

  it('has the prompt to the letter, whatever became of its dataset', async () => {
    const datasetId = await addDataset('Coffee Co.');
    const parent = await api.submit({ dataset_id: datasetId });
    await stack.sql(`update public.datasets set brand = 'Tea Co.' where id = $1`, [datasetId]);

    const same = (await regenerate(parent.id, { quality: 'high' })).body;
    await stack.sql('delete from public.datasets where id = $1', [datasetId]);
    const orphan = (await regenerate(parent.id)).body;

    assert.match(parent.prompt_used, /Coffee Co/);
    assert.deepEqual([same.prompt_used, same.dataset_id], [parent.prompt_used, datasetId]);
    assert.deepEqual([orphan.prompt_used, orphan.dataset_id], [parent.prompt_used, null]);
  });

  it('is composed anew when something else is to be drawn', async () => {
    const datasetId = await addDataset('Coffee Co.');
    const parent = await api.submit({ dataset_id: datasetId, style: 'anime' });
    await stack.sql(`update public.datasets set brand = 'Tea Co.' where id = $1`, [datasetId]);

    const child = (await regenerate(parent.id, { prompt: 'A bakery' })).body;

    assert.match(child.prompt_used, /^Brand: Tea Co\. .*A bakery$/);
    assert.deepEqual([child.prompt, child.style, child.dataset_id], ['A bakery', 'anime', datasetId]);
    const bare = (await regenerate(parent.id, { style: null, dataset_id: null })).body;
    assert.equal(bare.prompt_used, parent.prompt);
  });

  it('keeps its reference images with another prompt, and gives them up for others', async () => {
    const parent = await api.submit({
      reference_images: ['reference-images/a.png', 'https://example.com/b.png'],
    });
    const imagesOf = async (id: string) => {
      const [row] = await stack.sql('select reference_images from public.generated_images where id = $1', [
        id,
      ]);
      return row?.reference_images;
    };

    const same = (await regenerate(parent.id, { prompt: 'A bakery' })).body;
    const others = (await regenerate(parent.id, { reference_images: ['logos/c.png'] })).body;

    assert.deepEqual(await imagesOf(same.id), await imagesOf(parent.id));
    assert.deepEqual(await imagesOf(others.id), [{ bucket: 'logos', path: 'c.png' }]);
  });

  it('takes another quality with the resolution that goes with it', async () => {
    const parent = await api.submit({ quality: 'standard' });

    const child = (await regenerate(parent.id, { quality: 'ultra' })).body;

    assert.deepEqual([child.quality, child.resolution], ['ultra', '4K']);
  });

  it('is only estimated in a dry run', async () => {
    const parent = await api.submit();
    const before = await countWritten(stack);

    const answer = await regenerate(parent.id, { quality: 'ultra', dry_run: true });

    assert.deepEqual(
      [answer.status, answer.body.dry_run, answer.body.estimated_cost_usd],
      [200, true, 0.113],
    );
    assert.deepEqual(await countWritten(stack), before);
  });

  it('works for an image of the service before, which kept less', async () => {
    const id = randomUUID();
    await stack.sql(
      `insert into public.generated_images (id, prompt, full_prompt, image_url)
       values ($1, 'A cat', 'A cat, photorealistic', 'https://example.com/cat.png')`,
      [id],
    );

    const child = (await regenerate(id)).body;

    assert.deepEqual([child.prompt, child.prompt_used], ['A cat', 'A cat, photorealistic']);
    assert.deepEqual([child.parent_id, child.root_id], [id, id]);
  });

  it('is one image however many twins ask with one key', async () => {
    const parent = await api.submit();
    const headers = { 'idempotency-key': randomUUID() };

    const answers = await Promise.all(Array.from({ length: 5 }, () => regenerate(parent.id, {}, headers)));

    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  });

  it('is refused with every field that is not valid', async () => {
    const parent = await api.submit();

    const answer = await regenerate(parent.id, { quality: 'best', aspect_ratio: '1:99', colour: 'red' });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/aspect_ratio', '/colour', '/quality']);
    assertProblem(await regenerate(parent.id, []), 422, 'validation_failed');
  });

  it('is refused of what is deleted, or not the caller’s', async () => {
    const parent = await api.submit();
    const stranger = createApiClient(url, (await stack.createUser()).token);
    assertProblem(await regenerate(parent.id, {}, {}, stranger), 404, 'not_found');
    await api.send('DELETE', `${IMAGES}/${parent.id}`);

    assertProblem(await regenerate(parent.id), 410, 'gone');
  });
});
