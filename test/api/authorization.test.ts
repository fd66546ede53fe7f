import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, createApiClient, IMAGES, type Json } from './api-client.ts';

/** `nobody` calls where anonymous use is on, `shut out` where it is off. */
const CALLERS = ['owner', 'key', 'other', 'nobody', 'shut out', 'admin', 'forger'] as const;
type Caller = (typeof CALLERS)[number];
/** Whose image it is; `gone` is the owner's, deleted. */
const WHOSE = ['owner', 'nobody', 'gone'] as const;
type Whose = (typeof WHOSE)[number];

let stack: TestStack;
let callers: Record<Caller, ApiClient>;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const shut = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });
  const [owner, other] = [await stack.createUser(), await stack.createUser()];
  const made = await postJson(createApiClient(url, owner.token), '/ai/api-keys', { name: 'script' });
  callers = {
    owner: createApiClient(url, owner.token),
    key: createApiClient(url, made.body.secret),
    other: createApiClient(url, other.token),
    nobody: createApiClient(url),
    'shut out': createApiClient(shut.url),
    admin: createApiClient(url, stack.serviceRoleKey),
    forger: createApiClient(url, `${owner.token.slice(0, -4)}AAAA`),
  };
});
after(() => stack.stop());

const postJson = (api: ApiClient, path: string, body: unknown = {}): Promise<Answer> =>
  api.send('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

async function makeImage(whose: Whose): Promise<Json> {
  const record = await callers[whose === 'nobody' ? 'nobody' : 'owner'].submit();
  if (whose === 'gone')
    assert.equal((await callers.owner.send('DELETE', `${IMAGES}/${record.id}`)).status, 204);
  return record;
}

const SEES: Record<Caller, Whose[]> = {
  owner: ['owner', 'gone'],
  key: ['owner', 'gone'],
  other: [],
  nobody: ['nobody'],
  'shut out': ['nobody'],
  admin: ['owner', 'nobody', 'gone'],
  forger: [],
};

type Endpoint = {
  ask: (api: ApiClient, id: string) => Promise<Answer>;
  /** Of an image that the caller sees, pending or deleted. */
  pending: number;
  deleted: number;
  /** Makes something that costs money. */
  costs?: boolean;
};

const ENDPOINTS: Record<string, Endpoint> = {
  'GET /ai/generated-images/{id}': { ask: (api, id) => api.read(id), pending: 200, deleted: 410 },
  'GET /ai/generated-images/{id}/image': {
    ask: (api, id) => api.get(`${IMAGES}/${id}/image`),
    pending: 404,
    deleted: 410,
  },
  'POST /ai/generated-images/{id}/cancel': {
    ask: (api, id) => api.send('POST', `${IMAGES}/${id}/cancel`),
    pending: 200,
    deleted: 410,
  },
  'POST /ai/generated-images/{id}/regenerate': {
    ask: (api, id) => postJson(api, `${IMAGES}/${id}/regenerate`),
    pending: 202,
    deleted: 410,
    costs: true,
  },
  'DELETE /ai/generated-images/{id}': {
    ask: (api, id) => api.send('DELETE', `${IMAGES}/${id}`),
    pending: 204,
    deleted: 204,
  },
};

function expectedStatus(endpoint: Endpoint, caller: Caller, whose: Whose): number {
  if (caller === 'forger' || (caller === 'shut out' && endpoint.costs)) return 401;
  if (!SEES[caller].includes(whose)) return 404;
  return whose === 'gone' ? endpoint.deleted : endpoint.pending;
}

for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
  describe(name, () => {
    for (const caller of CALLERS) {
      for (const whose of WHOSE) {
        const expected = expectedStatus(endpoint, caller, whose);
        it(`is ${expected} for ${caller} and an image of ${whose}`, async () => {
          const { id } = await makeImage(whose);
          const before = await readRow(id);

          const answer = await endpoint.ask(callers[caller], id);

          assert.equal(answer.status, expected, answer.text);
          if (!SEES[caller].includes(whose)) assert.deepEqual(await readRow(id), before);
        });
      }
    }
  });
}

describe('what is not about one image', () => {
  const expected: [name: string, ask: (api: ApiClient) => Promise<Answer>, statuses: number[]][] = [
    // In the order of CALLERS.
    ['POST /ai/generate', (api) => api.generate({ prompt: 'A fox' }), [202, 202, 202, 202, 401, 202, 401]],
    ['GET /ai/generated-images', (api) => api.history(), [200, 200, 200, 200, 401, 200, 401]],
    ['GET /ai/options', (api) => api.get('/ai/options'), [200, 200, 200, 200, 200, 200, 200]],
    ['GET /ai/api-keys', (api) => api.get('/ai/api-keys'), [200, 403, 200, 401, 401, 200, 401]],
    [
      'POST /ai/api-keys',
      (api) => postJson(api, '/ai/api-keys', { name: 'another' }),
      [201, 403, 201, 401, 401, 403, 401],
    ],
  ];
  for (const [name, ask, statuses] of expected) {
    it(`${name} is for whom it is meant`, async () => {
      const answers = await Promise.all(CALLERS.map((caller) => ask(callers[caller])));

      assert.deepEqual(
        answers.map(({ status }) => status),
        statuses,
      );
    });
  }

  it('histories hold what their caller sees, and nothing deleted', async () => {
    const made = Object.fromEntries(
      await Promise.all(WHOSE.map(async (whose) => [whose, (await makeImage(whose)).id])),
    );
    for (const caller of ['owner', 'key', 'other', 'nobody', 'admin'] as const) {
      const { body } = await callers[caller].history(`?ids=${Object.values(made).join(',')}`);
      assert.deepEqual(
        body.items.map(({ id }: Json) => id).sort(),
        SEES[caller]
          .filter((whose) => whose !== 'gone')
          .map((whose) => made[whose])
          .sort(),
        caller,
      );
    }
  });
});

/** What a caller could change; a release goes on by itself. */
async function readRow(id: string): Promise<Json> {
  const [row] = await stack.sql(
    `select status, status_sequence, cancel_requested_at, deleted_at,
       (select count(*) from public.generated_images c where c.parent_id = g.id) as children
     from public.generated_images g where id = $1`,
    [id],
  );
  return row;
}
