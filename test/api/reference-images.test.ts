import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, countWritten, createApiClient, pointersOf } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

const PICTURE = 'https://pictures.example/a.png';

async function createDataset(images: number): Promise<string> {
  const id = randomUUID();
  await stack.sql('insert into datasets (id) values ($1)', [id]);
  await stack.sql(
    `insert into dataset_images (dataset_id, position, storage_path, mime_type)
     select $1::uuid, n, 'of-dataset/' || n || '.png', 'image/png' from generate_series(1, $2) n`,
    [id, images],
  );
  return id;
}

async function storedReferences(id: string): Promise<unknown> {
  const [row] = await stack.sql('select reference_images from generated_images where id = $1', [id]);
  return row?.reference_images;
}

describe('reference images of a request', () => {
  it('are kept as buckets and paths, and as addresses in their normal form', async () => {
    const { id, reference_images_count } = await api.submit({
      reference_images: [
        'reference-images/a folder/pic(1).png',
        'dataset-images/b.webp',
        'generated-images/anonymous/c/1.png',
        'logos/d.png',
        'HTTPS://Pictures.Example:443/a/../b c?sig=1%2F2#part'.replace(' ', '%20'),
        'https://bücher.example/ä.png',
        `https://pictures.example/${'x'.repeat(2_048 - 'https://pictures.example/'.length)}`,
      ],
    });

    assert.equal(reference_images_count, 7);
    assert.deepEqual(await storedReferences(id), [
      { bucket: 'reference-images', path: 'a folder/pic(1).png' },
      { bucket: 'dataset-images', path: 'b.webp' },
      { bucket: 'generated-images', path: 'anonymous/c/1.png' },
      { bucket: 'logos', path: 'd.png' },
      { url: 'https://pictures.example/b%20c?sig=1%2F2#part' },
      { url: 'https://xn--bcher-kva.example/%C3%A4.png' },
      { url: `https://pictures.example/${'x'.repeat(2_048 - 'https://pictures.example/'.length)}` },
    ]);
  });

  it('come after those of the dataset, and both count', async () => {
    const record = await api.submit({ dataset_id: await createDataset(2), reference_images: [PICTURE] });

    assert.equal(record.reference_images_count, 3);
    assert.deepEqual(await storedReferences(record.id), [
      { bucket: 'dataset-images', path: 'of-dataset/1.png' },
      { bucket: 'dataset-images', path: 'of-dataset/2.png' },
      { url: PICTURE },
    ]);
    assert.equal((await api.read(record.id)).body.reference_images_count, 3);
  });

  for (const reference_images of [null, []]) {
    it(`are none when the field is ${JSON.stringify(reference_images)}`, async () => {
      assert.equal((await api.submit({ reference_images })).reference_images_count, 0);
    });
  }

  it('are fourteen at most', async () => {
    assert.equal(
      (await api.submit({ reference_images: Array(14).fill(PICTURE) })).reference_images_count,
      14,
    );

    const answer = await api.generate({ prompt: 'A fox', reference_images: Array(15).fill(PICTURE) });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/reference_images']);
  });

  it('are fourteen at most together with those of the dataset', async () => {
    const dataset_id = await createDataset(10);
    const few = await api.submit({ dataset_id, reference_images: Array(4).fill(PICTURE) });
    const before = await countWritten(stack);

    const answer = await api.generate({
      prompt: 'A fox',
      dataset_id,
      style: 5,
      reference_images: Array(5).fill(PICTURE),
    });

    assert.equal(few.reference_images_count, 14);
    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/reference_images', '/style']);
    assert.match(answer.text, /has 15 with those of the dataset; 14 is the most/);
    assert.deepEqual(await countWritten(stack), before);
  });

  it('tell a repetition from another request by its Idempotency-Key', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const first = await api.generate({ prompt: 'A fox', reference_images: [PICTURE] }, key);
    const again = await api.generate({ prompt: 'A fox', reference_images: [PICTURE] }, key);

    const other = await api.generate({ prompt: 'A fox', reference_images: [`${PICTURE}?2`] }, key);

    assert.equal(again.body.id, first.body.id);
    assertProblem(other, 422, 'idempotency_key_reused');
  });
});

describe('a field of reference images', () => {
  for (const value of [PICTURE, 5, true, {}, { 0: PICTURE }]) {
    it(`is refused when it is no list: ${JSON.stringify(value)}`, async () => {
      const answer = await api.generate({ prompt: 'A fox', reference_images: value });

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), ['/reference_images']);
    });
  }

  it('that is full of nonsense is one problem', async () => {
    const answer = await api.generate({ prompt: 'A fox', reference_images: Array(50_000).fill(1) });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/reference_images']);
  });
});

describe('a reference image', () => {
  const bad: unknown[] = [5, null, {}, [], ['logos/a.png'], '', ' ', 'a.png', '/', 'logos', 'logos/']
    .concat(['/logos/a.png', 'secrets/a.png', 'Logos/a.png', 'logos//a.png', 'logos/a//b.png', 'logos/a/'])
    .concat([
      'logos/../a.png',
      'logos/a/..',
      'logos/./a.png',
      'logos/%2e%2e/a.png',
      'logos/a.png?x',
      'logos/a#b',
    ])
    .concat(['logos/..\\a.png', 'logos/\u0000', 'logos/\ud800', 'logos/ä.png', `logos/${'x'.repeat(1_025)}`])
    .concat(['http://pictures.example/a.png', 'ftp://pictures.example/a.png', 'file:///etc/passwd'])
    .concat(['data:image/png;base64,AA==', '//pictures.example/a.png', 'https:pictures.example/a.png'])
    .concat([
      'https://',
      'https:///',
      'https://[nonsense/',
      'https://a b.example/',
      'https://256.256.256.256/',
    ])
    .concat([
      'https://user:secret@pictures.example/',
      'https://user@pictures.example/',
      ' https://pictures.example/',
    ])
    .concat([
      'https://pictures.example/\u0000',
      'https://pictures.example/\ud800',
      'https://pictures.example/a\nb',
    ])
    .concat([
      `https://pictures.example/${'x'.repeat(2_049)}`,
      `https://pictures.example/${'ä'.repeat(1_000)}`,
    ]);
  for (const value of bad) {
    it(`is refused and named: ${JSON.stringify(value).slice(0, 60)}`, async () => {
      const before = await countWritten(stack);

      const answer = await api.generate({
        prompt: 'A fox',
        reference_images: [PICTURE, value, 'logos/a.png'],
      });

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), ['/reference_images/1']);
      assert.doesNotMatch(answer.text, /secret@|x{90}/);
      assert.deepEqual(await countWritten(stack), before);
    });
  }

  it('is named beside all others that are refused', async () => {
    const answer = await api.generate({
      prompt: '',
      reference_images: ['http://a.example/', PICTURE, 7, 'nowhere/a.png'],
    });

    assert.deepEqual(pointersOf(answer), [
      '/prompt',
      '/reference_images/0',
      '/reference_images/2',
      '/reference_images/3',
    ]);
  });
});
