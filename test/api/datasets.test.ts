import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type ApiClient,
  assertProblem,
  createApiClient,
  type Json,
  pointersOf,
  UNKNOWN_ID,
} from './api-client.ts';
import { createDatasetClient, DATASETS, type DatasetClient } from './dataset-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
let datasets: DatasetClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  ({ api, datasets } = await createUserClients());
});
after(() => stack.stop());

async function createUserClients() {
  const user = await stack.createUser();
  const client = createApiClient(url, user.token);
  return { user, api: client, datasets: createDatasetClient(client) };
}

const COFFEE = {
  name: 'Coffee',
  brand: 'Coffee Co.',
  vibe: 'cozy',
  unique_visual_elements: ['copper lamps', 'oak counter'],
};

describe('a dataset', () => {
  it('is made with what is given, and is at its address', async () => {
    const answer = await datasets.create({ ...COFFEE, name: '  Coffee ' });

    assert.equal(answer.status, 201, answer.text);
    const { id, created_at, updated_at, ...rest } = answer.body;
    const self = `${DATASETS}/${id}`;
    assert.equal(answer.headers.get('location'), self);
    assert.deepEqual(rest, {
      ...COFFEE,
      logo_url: null,
      shared: false,
      images: [],
      links: { self, images: `${self}/images`, logo: `${self}/logo` },
    });
    assert.ok(Date.parse(created_at) <= Date.parse(updated_at));
    assert.deepEqual((await datasets.read(id)).body, answer.body);
  });

  it('may say nothing', async () => {
    const { name, brand, vibe, unique_visual_elements } = await datasets.add({ brand: null });

    assert.deepEqual([name, brand, vibe, unique_visual_elements], [null, null, null, null]);
  });

  it('changes in what is given only, and null empties', async () => {
    const { id } = await datasets.add(COFFEE);

    const answer = await datasets.change(id, { brand: 'Tea Co.', vibe: null });

    assert.equal(answer.status, 200, answer.text);
    const { name, brand, vibe, unique_visual_elements } = answer.body;
    assert.deepEqual(
      { name, brand, vibe, unique_visual_elements },
      { ...COFFEE, brand: 'Tea Co.', vibe: null },
    );
    assert.deepEqual((await datasets.read(id)).body, answer.body);
    const emptied = await datasets.change(id, { unique_visual_elements: null, name: null, brand: null });
    assert.deepEqual([emptied.body.unique_visual_elements, emptied.body.name], [null, null]);
  });

  it('goes, and images that were made with it stay without it', async () => {
    const { id } = await datasets.add(COFFEE);
    const image = await api.submit({ prompt: 'A bar', dataset_id: id });

    const answer = await datasets.remove(id);

    assert.deepEqual([answer.status, answer.text], [204, '']);
    assertProblem(await datasets.read(id), 404, 'not_found');
    assertProblem(await datasets.remove(id), 404, 'not_found');
    const { body } = await api.read(image.id);
    assert.deepEqual([body.dataset_id, body.prompt_used], [null, image.prompt_used]);
    assert.match(body.prompt_used, /^Brand: Coffee Co\./);
  });

  it('gives its changed brand to the next prompt', async () => {
    const { id } = await datasets.add(COFFEE);
    await datasets.change(id, { brand: 'Tea Co.', vibe: null, unique_visual_elements: ['green tiles'] });

    const { prompt_used } = await api.submit({ prompt: 'A bar', dataset_id: id });

    assert.equal(prompt_used, 'Brand: Tea Co. Visual elements: green tiles. A bar');
  });

  it('that is unknown is not found, whatever is done to it', async () => {
    for (const id of [UNKNOWN_ID, 'no-uuid']) {
      const answers = [
        await datasets.read(id),
        await datasets.change(id, { name: 'A' }),
        await datasets.remove(id),
        await datasets.removeLogo(id),
        await datasets.removeImage(id, UNKNOWN_ID),
        await datasets.upload(id, [{ content: 'x', filename: 'x.png' }]),
        await datasets.setLogo(id, [{ content: 'x', filename: 'x.png' }]),
      ];
      for (const answer of answers) assertProblem(answer, 404, 'not_found');
    }
  });

  it('knows which methods its addresses have', async () => {
    const { id, links } = await datasets.add();
    for (const [method, path, allowed] of [
      ['PUT', DATASETS, 'GET, HEAD, POST'],
      ['POST', `${DATASETS}/${id}`, 'GET, HEAD, PATCH, DELETE'],
      ['GET', links.images, 'POST'],
      ['GET', `${links.images}/${UNKNOWN_ID}`, 'DELETE'],
      ['POST', links.logo, 'PUT, DELETE'],
    ]) {
      const answer = await api.send(String(method), String(path));
      assertProblem(answer, 405, 'method_not_allowed');
      assert.equal(answer.headers.get('allow'), allowed);
    }
  });
});

describe('the fields of a dataset', () => {
  const tooManyElements = Array.from({ length: 51 }, (_, n) => `element ${n}`);
  for (const [what, fields, pointers] of [
    ['an empty name', { name: ' ' }, ['/name']],
    ['a name that is too long', { name: 'a'.repeat(201) }, ['/name']],
    ['a brand that cannot be stored', { brand: 'a\0b' }, ['/brand']],
    ['a vibe that is too long', { vibe: 'a'.repeat(1_001) }, ['/vibe']],
    ['elements that are a text', { unique_visual_elements: 'lamps' }, ['/unique_visual_elements']],
    ['too many elements', { unique_visual_elements: tooManyElements }, ['/unique_visual_elements']],
    [
      'elements that are empty, no text or too long',
      { unique_visual_elements: ['', 5, 'a'.repeat(201), 'fine'] },
      ['/unique_visual_elements/0', '/unique_visual_elements/1', '/unique_visual_elements/2'],
    ],
    ['fields that there are not', { logo_url: 'x', images: [] }, ['/images', '/logo_url']],
    ['no fields at all', ['name'], ['']],
  ] as const) {
    it(`refuse ${what}`, async () => {
      const { id } = await datasets.add();
      for (const answer of [await datasets.create(fields), await datasets.change(id, fields)]) {
        assertProblem(answer, 422, 'validation_failed');
        assert.deepEqual(pointersOf(answer), pointers);
      }
    });
  }

  it('may be as long as they may', async () => {
    const fields = {
      name: 'ü'.repeat(200),
      brand: 'b'.repeat(200),
      vibe: 'v'.repeat(1_000),
      unique_visual_elements: Array.from({ length: 50 }, () => 'e'.repeat(200)),
    };
    const { name, brand, vibe, unique_visual_elements } = await datasets.add(fields);

    assert.deepEqual({ name, brand, vibe, unique_visual_elements }, fields);
  });

  it('have to come as JSON', async () => {
    const answer = await api.send('POST', DATASETS, { body: new URLSearchParams({ name: 'A' }) });

    assertProblem(answer, 415, 'unsupported_media_type');
  });
});

describe('the list of datasets', () => {
  it('is read page by page, newest first, and has each once', async () => {
    const mine = await createUserClients();
    const made: string[] = [];
    for (let n = 0; n < 5; n++) made.unshift((await mine.datasets.add({ name: `${n}` })).id);

    const seen: string[] = [];
    let next: string | null = `${DATASETS}?limit=2`;
    for (let pages = 1; next !== null; pages++) {
      const answer: Json = await mine.api.get(next);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.limit, 2);
      seen.push(...answer.body.items.map(({ id }: Json) => id));
      next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? null;
      assert.equal(next !== null, pages < 3);
      assert.equal(answer.body.next_cursor !== null, next !== null);
    }
    assert.deepEqual(seen, made);
  });

  it('takes 50 unless told otherwise, and no strange query', async () => {
    assert.equal((await datasets.list()).body.limit, 50);
    for (const [query, pointer] of [
      ['?limit=0', '?limit'],
      ['?limit=101', '?limit'],
      ['?limit=ten', '?limit'],
      ['?cursor=abc', '?cursor'],
      ['?offset=5', '?offset'],
    ]) {
      const answer = await datasets.list(query);
      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), [pointer]);
    }
  });
});
