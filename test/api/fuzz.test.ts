import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, createApiClient, GENERATE, IMAGES, UNKNOWN_ID } from './api-client.ts';

const RUNS = 150;
const SEED = Math.floor(Math.random() * 2 ** 31);

let stack: TestStack;
let api: ApiClient;
let ownId: string;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi({ RATE_LIMIT_SUBMIT: '0', RATE_LIMIT_REQUEST: '0' });
  api = createApiClient(url, (await stack.createUser()).token);
  ownId = (await api.submit()).id;
});
after(() => stack.stop());

/** Anything at all, and now and then what a field would really take. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '16:9',
    'high',
    'png',
    '4K',
    '',
    ' ',
    '\0',
    '\ud800',
    UNKNOWN_ID,
    'gemini-3-pro-image',
    1e308,
    -0,
  ),
);
const FIELDS = [
  'prompt',
  'dataset_id',
  'style',
  'aspect_ratio',
  'quality',
  'format',
  'resolution',
  'model',
  'deadline_seconds',
  'reference_images',
  'metadata',
  'dry_run',
  'name',
  '__proto__',
  'constructor',
];
const body = fc.oneof(
  fc.jsonValue().map((any) => JSON.stringify(any)),
  fc.dictionary(fc.constantFrom(...FIELDS), value).map((any) => JSON.stringify(any)),
  fc
    .dictionary(fc.constantFrom(...FIELDS), value)
    .map((any) => JSON.stringify({ prompt: 'A fox', ...any }).slice(0, -1)),
  fc.string({ unit: 'binary' }),
);
const PARAMETERS = [
  'limit',
  'offset',
  'cursor',
  'order',
  'include_total',
  'status',
  'ids',
  'dataset_id',
  'root_id',
  'user_id',
  'style',
  'model',
  'created_after',
  'created_before',
  'q',
  'metadata.row',
  'metadata.',
  '__proto__',
];
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '1',
    '0',
    '-1',
    '1e9',
    'true',
    'asc',
    'pending',
    'pending,failed',
    UNKNOWN_ID,
    '%',
    '_',
    '\\',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
const query = fc
  .array(fc.tuple(fc.constantFrom(...PARAMETERS), text), { maxLength: 5 })
  .map((pairs) => pairs.map(([name, one]) => `${name}=${encodeURIComponent(one.toWellFormed())}`).join('&'));
const header = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
});

/** Whatever was sent: an answer that is documented, and a refusal that says why. */
function assertAnswered(answer: Answer): void {
  assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
  if (answer.status < 400) return;
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.equal(answer.body.status, answer.status);
}

async function holds<T>(arbitrary: fc.Arbitrary<T>, send: (input: T) => Promise<Answer>): Promise<void> {
  const property = fc.asyncProperty(arbitrary, async (input) => {
    const before = await countRows();
    const answer = await send(input);
    assertAnswered(answer);
    if (answer.status >= 400) assert.equal(await countRows(), before, 'a refusal wrote something');
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
}

async function countRows(): Promise<string> {
  const [row] = await stack.sql<{ counts: string }>(
    `select (select count(*) from public.generated_images) || ' ' || (select count(*) from public.api_keys)
       || ' ' || (select count(*) from public.idempotency_keys) as counts`,
  );
  return row?.counts ?? '';
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe(`whatever is sent (seed ${SEED})`, () => {
  for (const path of [GENERATE, '/ai/api-keys', `${IMAGES}/ID/regenerate`]) {
    it(`as a body to POST ${path} is answered, and a refusal writes nothing`, async () => {
      const own = path.replace('ID', ownId);
      await holds(body, (sent) => api.send('POST', own, { body: sent, headers: JSON_TYPE }));
    });
  }

  it('as a query of history is answered', async () => {
    await holds(query, (sent) => api.history(`?${sent}`));
  });

  it('as an id is answered', async () => {
    const id = fc
      .string({ unit: 'binary', minLength: 1 })
      .map((any) => encodeURIComponent(any.toWellFormed()));
    const method = fc.constantFrom(['GET', ''], ['DELETE', ''], ['GET', '/image'], ['POST', '/cancel']);
    await holds(fc.tuple(id, method), ([sent, [verb = '', rest]]) =>
      api.send(verb, `${IMAGES}/${sent}${rest}`),
    );
  });

  it('in the headers is answered', async () => {
    const name = fc.constantFrom(
      'idempotency-key',
      'prefer',
      'if-none-match',
      'authorization',
      'accept',
      'origin',
    );
    // A preference to wait that can be read would be honoured, for up to a minute.
    const harmless = header.map((any) => any.replaceAll(/wait/gi, 'want'));
    await holds(fc.tuple(name, harmless), ([one, sent]) => api.get(`${IMAGES}/${ownId}`, { [one]: sent }));
    await holds(fc.tuple(name, harmless), ([one, sent]) =>
      api.generate({ prompt: 'A fox' }, { [one]: sent }),
    );
  });
});
