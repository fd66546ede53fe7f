import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, pointersOf, UNKNOWN_ID } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

const NUMBERS = [
  '',
  '-1',
  '1.5',
  '1e2',
  'ten',
  '0x10',
  '%20',
  '%2B5',
  '9'.repeat(400),
  'NaN',
  'Infinity',
  '%00',
  '٣',
];
const badValues: Record<string, string[]> = {
  limit: [...NUMBERS, '0', '101', '1000000000'],
  offset: [...NUMBERS, '10001', '999999999', '99999999999999999999'],
  dataset_id: ['', 'nonsense', `${UNKNOWN_ID}0`, '%00', `${UNKNOWN_ID},${UNKNOWN_ID}`],
  status: [
    '',
    'done',
    'Pending',
    'pending,',
    ',pending',
    'pending,done',
    'pending pending',
    '%00',
    'pending,'.repeat(9),
  ],
  created_after: ['', 'today', '2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '2026-01-01T00:00:00%2B16:00'],
  created_before: ['2026-01-01', '2026-01-01T00:00:00-23:59'],
  cursor: ['', 'nonsense', '%00', '%E0', '🦊', 'x'.repeat(201), 'x'.repeat(5_000)],
};

describe('a query parameter with a value that it does not take', () => {
  for (const [name, values] of Object.entries(badValues)) {
    for (const value of values) {
      it(`is refused and named: ${name}=${value.slice(0, 30)}`, async () => {
        const answer = await api.history(`?${name}=${value}`);

        assertProblem(answer, 422, 'validation_failed');
        assert.deepEqual(new Set(pointersOf(answer)), new Set([`?${name}`]));
      });
    }
    it(`is refused when it comes twice: ${name}`, async () => {
      const answer = await api.history(`?${name}=1&${name}=1`);

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), [`?${name}`]);
    });
  }

  it('is told beside all the others', async () => {
    const answer = await api.history('?limit=0&offset=-1&cursor=x&dataset_id=x&status=x&colour=red');

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), [
      '?colour',
      '?cursor',
      '?dataset_id',
      '?limit',
      '?offset',
      '?status',
    ]);
  });

  it('is told beside filters of metadata that are none', async () => {
    const answer = await api.history('?metadata.=x&limit=0&metadata.row=1&metadata.row=2&metadata.ok=1');

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['?limit', '?metadata.', '?metadata.row']);
  });
});

describe('a query parameter that is not there', () => {
  for (const name of ['page', 'Limit', 'metadata', '__proto__', 'constructor', 'status[]', 'limit[gt]', '']) {
    it(`is refused: ${name}`, async () => {
      const answer = await api.history(`?${encodeURIComponent(name)}=1`);

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), [`?${name}`]);
      assert.equal(answer.body.errors[0].code, 'unknown_field');
    });
  }
});

describe('a cursor that this API did not make', () => {
  const time = '2024-01-01T00:00:00.123456+00:00';
  const positions: unknown[] = [
    null,
    {},
    [],
    'a',
    5,
    [time],
    [time, UNKNOWN_ID, 1],
    [time, 'nonsense'],
    [time, null],
    [UNKNOWN_ID, time],
    [1704067200, UNKNOWN_ID],
    [null, UNKNOWN_ID],
    [[time], UNKNOWN_ID],
    ...[
      '',
      'now',
      'infinity',
      '2024-01-01',
      '2024-01-01T00:00:00Z',
      '0000-01-01T00:00:00+00:00',
      '2024-02-30T00:00:00+00:00',
      '2023-02-29T00:00:00+00:00',
      '2024-13-01T00:00:00+00:00',
      '2024-00-10T00:00:00+00:00',
      '2024-01-01T24:00:01+00:00',
      '2024-01-01T23:60:00+00:00',
      '2024-01-01T23:59:61+00:00',
      '2024-01-01T00:00:00+23:00',
      '2024-01-01T00:00:00+99:99',
      '2024-01-01T00:00:00.1234567+00:00',
      '2024-01-01T12.34.56+00:00',
      '2024-01-01T::::::::+00:00',
      "2024-01-01T00:00:00+00:00'; --",
    ].map((silly) => [silly, UNKNOWN_ID]),
  ];
  for (const position of positions) {
    it(`is refused: ${JSON.stringify(position)}`, async () => {
      const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');

      const answer = await api.history(`?cursor=${cursor}`);

      assertProblem(answer, 422, 'validation_failed');
      assert.deepEqual(pointersOf(answer), ['?cursor']);
    });
  }

  for (const [name, at] of [
    ['long ago', '0001-01-01T00:00:00+00:00'],
    ['far ahead', '9999-12-31T23:59:59.999999+00:00'],
    ['a leap day', '2024-02-29T23:59:59+00:00'],
    ['another time zone', '2024-06-01T12:00:00.5-09:30'],
  ] as const) {
    it(`is a page like any other when it could be one: ${name}`, async () => {
      const cursor = Buffer.from(JSON.stringify([at, UNKNOWN_ID])).toString('base64url');

      assert.equal((await api.history(`?cursor=${cursor}`)).status, 200);
    });
  }

  it('is refused when it is one that was cut short', async () => {
    await api.submit();
    await api.submit();
    const { body } = await api.history('?limit=1');

    const answer = await api.history(`?cursor=${body.next_cursor.slice(0, -8)}`);

    assertProblem(answer, 422, 'validation_failed');
  });
});
