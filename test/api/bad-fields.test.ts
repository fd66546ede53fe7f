import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type ApiClient,
  assertProblem,
  countWritten,
  createApiClient,
  pointersOf,
  UNKNOWN_ID,
} from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

const LONE_SURROGATE = 'a\ud83d';
const NUL = 'a\0b';
const NO_TEXT = [5, true, [], {}, ['a'], { a: 1 }];

/** Every field with every kind of value that it does not take. */
const badValues: Record<string, unknown[]> = {
  prompt: [
    ...NO_TEXT,
    null,
    '',
    '   ',
    '\n\t\u00a0\u3000',
    'x'.repeat(10_001),
    '🦊'.repeat(10_001),
    NUL,
    LONE_SURROGATE,
  ],
  dataset_id: [
    ...NO_TEXT,
    '',
    'nonsense',
    `${UNKNOWN_ID}0`,
    `{${UNKNOWN_ID}}`,
    UNKNOWN_ID.replaceAll('-', ''),
    UNKNOWN_ID,
    NUL,
  ],
  style: [...NO_TEXT, '', '  ', 'x'.repeat(101), NUL, LONE_SURROGATE],
  aspect_ratio: [...NO_TEXT, '', '16x9', '1:1 ', '0:0', '16:9'.repeat(100), NUL, LONE_SURROGATE],
  quality: [...NO_TEXT, '', 'Standard', 'best', 'toString', NUL],
  format: [...NO_TEXT, '', 'PNG', 'gif', 'jpg', NUL],
  resolution: [...NO_TEXT, '', '1k', '8K', NUL],
  model: [...NO_TEXT, '', 'gpt-image-1', 'x'.repeat(101), '__proto__', NUL, LONE_SURROGATE],
  deadline_seconds: ['60', true, [], {}, 0, -1, 9, 9.5, 60.5, 604_801, 1e300],
  metadata: [
    5,
    true,
    'a',
    [],
    ['a'],
    [['a', 'b']],
    Object.fromEntries(Array.from({ length: 51 }, (_, n) => [n, ''])),
  ],
};

describe('a field with a value that it does not take', () => {
  for (const [field, values] of Object.entries(badValues)) {
    for (const value of values) {
      it(`is refused and named: ${field} = ${JSON.stringify(value).slice(0, 40)}`, async () => {
        const before = await countWritten(stack);

        const answer = await api.generate({ prompt: 'A fox', [field]: value });

        assertProblem(answer, 422, 'validation_failed');
        assert.deepEqual(new Set(pointersOf(answer)), new Set([`/${field}`]));
        assert.deepEqual(await countWritten(stack), before);
        const told = answer.body.errors[0].code;
        assert.notEqual(told, 'required', 'a value was given');
        if (typeof value === 'string' && value.length > 100) assert.doesNotMatch(answer.text, /x{90}/);
      });
    }
  }

  const badMetadata: [metadata: string, pointer: string][] = [
    ['{"a":1}', '/metadata/a'],
    ['{"a":null}', '/metadata/a'],
    ['{"a":{"b":"c"}}', '/metadata/a'],
    ['{"a/b~c":["d"]}', '/metadata/a~1b~0c'],
    ['{"":"a"}', '/metadata/'],
    [`{"${'k'.repeat(65)}":"a"}`, `/metadata/${'k'.repeat(65)}`],
    [`{"a":"${'v'.repeat(501)}"}`, '/metadata/a'],
    ['{"a":"\\u0000"}', '/metadata/a'],
    ['{"a\\u0000":"b"}', '/metadata/a\0'],
    ['{"a":"\\ud800"}', '/metadata/a'],
    ['{"__proto__":"a"}', '/metadata/__proto__'],
    ['{"__proto__":{"a":"b"}}', '/metadata/__proto__'],
  ];
  for (const [metadata, pointer] of badMetadata) {
    it(`is refused within metadata: ${metadata.slice(0, 40)}`, async () => {
      const before = await countWritten(stack);

      const answer = await api.postRaw(`{"prompt":"A fox","metadata":${metadata}}`);

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), [pointer]);
      assert.deepEqual(await countWritten(stack), before);
    });
  }

  const codes: [code: string, fields: object][] = [
    ['too_small', { prompt: ' ' }],
    ['too_big', { prompt: 'x'.repeat(10_001) }],
    ['too_big', { style: 'x'.repeat(101) }],
    ['too_big', { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [n, ''])) }],
    ['invalid_value', { quality: 'best' }],
    ['invalid_value', { reference_images: ['no/such/bucket'] }],
  ];
  for (const [code, fields] of codes) {
    it(`is ${code}: ${JSON.stringify(fields).slice(0, 40)}`, async () => {
      const answer = await api.generate({ prompt: 'A fox', ...fields });

      assert.deepEqual(
        answer.body.errors.map((error: { code: string }) => error.code),
        [code],
      );
    });
  }

  it('is told beside all the others, in one answer', async () => {
    const before = await countWritten(stack);

    const answer = await api.generate({
      prompt: '',
      dataset_id: UNKNOWN_ID,
      style: 5,
      aspect_ratio: '7:5',
      quality: 'best',
      format: 'gif',
      resolution: '8K',
      model: 'gpt-image-1',
      deadline_seconds: 1,
      metadata: { a: 1, b: '2', c: false },
      seed: 7,
    });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), [
      '/aspect_ratio',
      '/dataset_id',
      '/deadline_seconds',
      '/format',
      '/metadata/a',
      '/metadata/c',
      '/model',
      '/prompt',
      '/quality',
      '/resolution',
      '/seed',
      '/style',
    ]);
    assert.deepEqual(await countWritten(stack), before);
  });
});

describe('a field that is not there', () => {
  it('is required when it is the prompt', async () => {
    const answer = await api.generate({ style: 'anime' });

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(answer.body.errors, [
      { pointer: '/prompt', code: 'required', detail: 'This field is required.' },
    ]);
  });

  for (const field of [
    'user_id',
    'id',
    'status',
    'Prompt',
    'prompt ',
    'cost_usd',
    'constructor',
    'a/b',
    '',
  ]) {
    it(`is unknown when it is ${JSON.stringify(field)}`, async () => {
      const answer = await api.generate({ prompt: 'A fox', [field]: 'x' });

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), [`/${field.replace('/', '~1')}`]);
      assert.equal(answer.body.errors[0].code, 'unknown_field');
    });
  }

  for (const body of ['{"prompt":"A fox","__proto__":{"model":"x"}}', '{"__proto__":{"prompt":"A fox"}}']) {
    it(`is not given by way of a prototype: ${body}`, async () => {
      const answer = await api.postRaw(body);

      assertProblem(answer, 422, 'validation_failed');
      assert.ok(pointersOf(answer).includes('/__proto__'));
    });
  }
});
