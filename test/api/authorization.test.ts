import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Operation } from '../../src/api/openapi/operation.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type Answer,
  type ApiClient,
  assertProblem,
  createApiClient,
  type Json,
  UNKNOWN_ID,
} from './api-client.ts';
import { type Asked, askOperation, FILE_OF, nameOf, operationOf } from './ask-operation.ts';
import { CALLERS, type Caller, LISTED, MATRIX, type Whose } from './authorization-table.ts';
import { OPERATIONS } from './contract.ts';
import { finishImage } from './finish-image.ts';
import { makeDelivery } from './make-delivery.ts';
import { readWritten } from './written.ts';

let stack: TestStack;
let callers: Record<Caller, ApiClient>;
let ownerId: string;
let picture: Buffer;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const shut = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });
  const [owner, other] = [await stack.createUser(), await stack.createUser()];
  const asOwner = createApiClient(url, owner.token);
  const { body: key } = await askOperation(asOwner, operationOf('createApiKey'));
  callers = {
    owner: asOwner,
    key: createApiClient(url, key.secret),
    other: createApiClient(url, other.token),
    nobody: createApiClient(url),
    shut: createApiClient(shut.url),
    admin: createApiClient(url, stack.serviceRoleKey),
    forger: createApiClient(url, `${owner.token.slice(0, -4)}AAAA`),
  };
  ownerId = owner.id;
  picture = await plainPicture(8, 8);
});
after(() => stack.stop());

type Kind = 'image' | 'dataset' | 'key' | 'batch' | 'secret' | 'delivery';

/** How a thing comes, and how it is gone. */
const MAKE: Record<Exclude<Kind, 'delivery'>, { create: string; remove?: string }> = {
  image: { create: 'generateImage', remove: 'deleteImage' },
  dataset: { create: 'createDataset', remove: 'deleteDataset' },
  key: { create: 'createApiKey', remove: 'revokeApiKey' },
  batch: { create: 'createBatch' },
  secret: { create: 'createWebhookSecret', remove: 'deleteWebhookSecret' },
};

/** A user has two at most: the last one may stay. */
const makeRoomForSecret = () =>
  stack.sql(
    'delete from public.webhook_secrets where id not in (select id from public.webhook_secrets order by id desc limit 1)',
  );

/** The ids of a new thing, as paths have them. */
async function make(kind: Kind, whose: Whose): Promise<{ id: string; image_id: string }> {
  if (kind === 'delivery') return { id: await makeDelivery(stack, ownerId, whose), image_id: '' };
  if (kind === 'secret') await makeRoomForSecret();
  const maker = callers[whose !== 'nobody' ? 'owner' : kind === 'image' ? 'nobody' : 'admin'];
  const { body } = await askOperation(maker, operationOf(MAKE[kind].create));
  const ids = { id: body.id, image_id: '' };
  if (kind === 'dataset') {
    const added = await askOperation(maker, operationOf('addDatasetImages'), { ids, file: picture });
    ids.image_id = added.body.images[0].id;
  }
  if (whose === 'done') await finishImage(stack, ids.id);
  if (whose === 'gone') {
    const removed = await askOperation(maker, operationOf(MAKE[kind].remove ?? ''), { ids });
    assert.equal(removed.status, 204, removed.text);
  }
  return ids;
}

const KIND_OF: Record<string, Kind> = {
  'generated-images': 'image',
  datasets: 'dataset',
  'api-keys': 'key',
  batches: 'batch',
  'webhook-secrets': 'secret',
  'webhook-deliveries': 'delivery',
};

/** How operations whose path names nothing name the owner. */
const NAME_OWNER: Record<string, () => Asked> = {
  listImages: () => ({ query: `?user_id=${ownerId}` }),
  listApiKeys: () => ({ query: `?user_id=${ownerId}` }),
  listWebhookSecrets: () => ({ query: `?user_id=${ownerId}` }),
  createWebhookSecret: () => ({ body: { user_id: ownerId } }),
  listWebhookDeliveries: () => ({ query: `?user_id=${ownerId}` }),
  listPopularPrompts: () => ({ query: `?user_id=${ownerId}` }),
  getUsage: () => ({ query: `?user_id=${ownerId}` }),
  createApiKey: () => ({ body: { name: 'A gift', user_id: ownerId } }),
  createDataset: () => ({ body: { name: 'A gift', owner_id: ownerId } }),
};

async function prepare({ path, operationId }: Operation, whose: Whose): Promise<Asked> {
  if (operationId === 'createWebhookSecret') await makeRoomForSecret();
  if (whose === '-') return { ids: { file: FILE_OF[operationId] ?? '' } };
  if (operationId === 'generateImage') {
    return { body: { prompt: 'A fox', dataset_id: (await make('dataset', whose)).id } };
  }
  if (operationId === 'streamEvents') return { query: `?image_id=${(await make('image', whose)).id}` };
  const named = NAME_OWNER[operationId];
  if (named) return named();
  const kind = KIND_OF[path.split('/')[2] ?? ''];
  assert.ok(kind, path);
  return { ids: await make(kind, whose), file: picture };
}

const OPERATION = new Map(OPERATIONS.map((operation) => [nameOf(operation), operation]));

describe('the table of who may do what', () => {
  it('has every operation of the OpenAPI document, and no other', () => {
    const inTable = new Set(MATRIX.map(({ name }) => name));

    assert.deepEqual([...inTable].sort(), [...OPERATION.keys()].sort());
  });

  it('asks for each about everything that it may be about', () => {
    const missing = [...OPERATION.keys()]
      .flatMap((name) => variantsOf(name).map((whose) => ({ name, whose })))
      .filter((one) => !MATRIX.some(({ name, whose }) => one.name === name && one.whose === whose));

    assert.deepEqual(missing, []);
  });
});

function variantsOf(name: string): Whose[] {
  if (!name.includes('{id}')) return ['-'];
  const kind = KIND_OF[name.split('/')[2] ?? ''];
  // They always have a user.
  if (kind === 'key' || kind === 'secret' || kind === 'delivery') return ['owner', 'gone'];
  if (kind === 'batch') return ['owner', 'nobody'];
  return kind === 'image' ? ['owner', 'done', 'nobody', 'gone'] : ['owner', 'nobody', 'gone'];
}

for (const { name, whose, statuses } of MATRIX) {
  describe(`${name} (${whose})`, () => {
    for (const caller of CALLERS) {
      it(`is ${statuses[caller]} to ${caller}`, async () => {
        const operation = OPERATION.get(name) as Operation;
        const asked = await prepare(operation, whose);
        const before = await readWritten(stack);

        const answer = await askOperation(callers[caller], operation, asked);

        assert.equal(answer.status, statuses[caller], answer.text);
        if (answer.status >= 400) assert.deepEqual(await readWritten(stack), before);
        if (answer.body?.code === 'not_found') await assertLikeUnknown(answer, operation, callers[caller]);
      });
    }
  });
}

/** What is somebody else's is answered in the words in which something is that never was. */
async function assertLikeUnknown(answer: Answer, operation: Operation, api: ApiClient): Promise<void> {
  const ids = { id: UNKNOWN_ID, image_id: UNKNOWN_ID };
  const query = operation.operationId === 'streamEvents' ? `?image_id=${UNKNOWN_ID}` : '';
  const unknown = await askOperation(api, operation, { ids, query, file: picture });
  assertProblem(unknown, 404, 'not_found');
  assert.deepEqual(comparable(answer), comparable(unknown));
}

/** All but what differs from request to request, and the address that was asked. */
function comparable({ body }: Answer) {
  const { request_id, instance, ...rest } = body;
  return rest;
}

for (const [name, shown] of Object.entries(LISTED)) {
  it(`${name} holds what its caller sees, and nothing deleted`, async () => {
    const operation = OPERATION.get(name) as Operation;
    const kind = KIND_OF[operation.path.split('/')[2] ?? ''] as Kind;
    const wanted = MATRIX.filter(
      (row) =>
        row.name.startsWith(`DELETE ${operation.path}/{id}`) ||
        row.name.startsWith(`POST   ${operation.path}/{id}/replay`.replace(/ +/, ' ')),
    );
    const made = new Map<Whose, string>();
    for (const { whose } of wanted) made.set(whose, (await make(kind, whose)).id);

    for (const [caller, expected] of Object.entries(shown)) {
      const { body } = await askOperation(callers[caller as Caller], operation);
      const listed = new Set(body.items.map(({ id }: Json) => id));
      const seen = [...made].filter(([, id]) => listed.has(id)).map(([whose]) => whose);
      assert.deepEqual(seen.sort(), expected.toSorted(), caller);
    }
  });
}
