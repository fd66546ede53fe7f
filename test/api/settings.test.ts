import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

describe('what a request leaves open', () => {
  const decided: [fields: Record<string, unknown>, resolution: string, usd: number][] = [
    [{}, '1K', 0.0336],
    [{ quality: 'standard' }, '1K', 0.0336],
    [{ quality: 'high' }, '2K', 0.0504],
    [{ quality: 'ultra' }, '4K', 0.113],
    [{ quality: 'ultra', resolution: '1K' }, '1K', 0.0336],
    [{ resolution: '2K' }, '2K', 0.0504],
    [{ model: 'gemini-3-pro-image' }, '1K', 0.134],
    [{ model: 'gemini-3-pro-image', quality: 'ultra' }, '4K', 0.24],
    [{ model: 'gemini-2.5-flash-image' }, '1K', 0.039],
    [{ model: 'gemini-3.1-flash-lite-image', resolution: '1K', quality: 'ultra' }, '1K', 0.0336],
  ];
  for (const [fields, resolution, usd] of decided) {
    it(`is decided and priced for ${JSON.stringify(fields)}`, async () => {
      const record = await api.submit(fields);

      assert.equal(record.resolution, resolution);
      assert.equal(record.estimated_cost_usd, usd);
      assert.equal(record.quality, fields.quality ?? 'standard');
      assert.equal(record.model, fields.model ?? 'gemini-nano-banana-2.1');
    });
  }

  it('is what null means, in every optional field', async () => {
    const nothing = { dataset_id: null, style: null, aspect_ratio: null, quality: null, format: null };
    const more = { resolution: null, model: null, deadline_seconds: null, metadata: null };

    const given = await api.submit({ ...nothing, ...more });
    const left = await api.submit();

    const { id, root_id, created_at, deadline_at, links, queue_position } = given;
    assert.deepEqual({ ...left, id, root_id, created_at, deadline_at, links, queue_position }, given);
  });

  it('is kept where it was given', async () => {
    const fields = { style: 'my own style', aspect_ratio: '21:9', format: 'webp', quality: 'high' };

    const record = await api.submit(fields);

    assert.deepEqual({ ...record, ...fields }, record);
  });
});

describe('the deadline', () => {
  for (const [given, seconds] of [
    [null, 86_400],
    [10, 10],
    [604_800, 604_800],
  ] as const) {
    it(`is ${seconds} s after creation when ${given} is given`, async () => {
      const { created_at, deadline_at } = await api.submit({ deadline_seconds: given });

      assert.equal(Date.parse(deadline_at) - Date.parse(created_at), seconds * 1000);
    });
  }
});

describe('what a model cannot do', () => {
  const refused: [fields: Record<string, unknown>, pointers: string[]][] = [
    [{ model: 'gemini-2.5-flash-image', resolution: '2K' }, ['/resolution']],
    [{ model: 'gemini-2.5-flash-image', quality: 'high' }, ['/quality']],
    [{ model: 'gemini-3-pro-image', aspect_ratio: '1:8' }, ['/aspect_ratio']],
    [
      { model: 'gemini-2.5-flash-image', quality: 'ultra', aspect_ratio: '8:1' },
      ['/aspect_ratio', '/quality'],
    ],
    [{ model: 'gpt-image-1' }, ['/model']],
    [{ model: 'gpt-image-1', aspect_ratio: '7:5' }, ['/aspect_ratio', '/model']],
    [{ model: 'gpt-image-1', aspect_ratio: '1:8' }, ['/model']],
  ];
  for (const [fields, pointers] of refused) {
    it(`is refused by field: ${JSON.stringify(fields)}`, async () => {
      const answer = await api.generate({ prompt: 'A lighthouse', ...fields });

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), pointers);
      assert.ok(answer.body.errors.every((error: { code: string }) => error.code === 'unsupported'));
    });
  }

  it('is told beside the fields that are bad by themselves', async () => {
    const answer = await api.generate({
      prompt: ' ',
      model: 'gpt-image-1',
      format: 'gif',
      aspect_ratio: '7:5',
    });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/aspect_ratio', '/format', '/model', '/prompt']);
  });
});

describe('the longest and the shortest that is taken', () => {
  const good: [name: string, fields: Record<string, unknown>][] = [
    ['a prompt of 10,000 letters', { prompt: 'x'.repeat(10_000) }],
    ['a prompt of 10,000 emoji, each one character', { prompt: '🦊'.repeat(10_000) }],
    ['a prompt of 10,000 characters between spaces', { prompt: ` \n${'x'.repeat(10_000)} \t` }],
    ['a prompt of one character', { prompt: '狐' }],
    ['a style of 100 characters', { style: 'x'.repeat(100) }],
    [
      'metadata of 50 fields',
      { metadata: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [n, ''])) },
    ],
    ['a name in metadata of 64 characters', { metadata: { ['k'.repeat(64)]: 'v'.repeat(500) } }],
  ];
  for (const [name, fields] of good) {
    it(name, async () => {
      const record = await api.submit(fields);

      for (const [field, value] of Object.entries(fields)) assert.deepEqual(record[field], value);
    });
  }
});

it('models, prices and the default model are configuration', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-models-'));
  const file = join(folder, 'models.json');
  const token_usd = { input: 1, text: 1, image: 1 };
  const models = [
    { id: 'first', aspect_ratios: ['1:1'], image_usd: { '1K': 1 }, token_usd },
    { id: 'second', aspect_ratios: ['1:1', '5:7'], image_usd: { '1K': 2, '2K': 3 }, token_usd },
  ];
  await writeFile(file, JSON.stringify(models));
  const configured = await stack.startApi({ MODELS_FILE: file, DEFAULT_MODEL: 'second' });
  await rm(folder, { recursive: true });

  const record = await createApiClient(configured.url).submit({ aspect_ratio: '5:7', quality: 'high' });

  assert.deepEqual([record.model, record.estimated_cost_usd], ['second', 3]);
});
