import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createOpenApiDocument } from '../../src/api/openapi/document.ts';
import type { Operation } from '../../src/api/openapi/operation.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, createApiClient, type Json } from './api-client.ts';
import { type Asked, askOperation, FILE_OF, nameOf, operationOf } from './ask-operation.ts';
import { OPERATIONS, seenAnswers } from './contract.ts';
import { uploadFolders } from './dataset-client.ts';
import { failBatch } from './fail-batch.ts';
import { finishImage } from './finish-image.ts';
import { drawRequest, OWN, type Part, partsOf } from './fuzz-inputs.ts';
import { makeDelivery } from './make-delivery.ts';
import { readWritten } from './written.ts';

const RUNS: Record<Part, number> = { path: 12, query: 12, headers: 12, body: 80, form: 50 };
const ANSWERED_WITHIN_MS = 10_000;
/** The one of a run that failed, to repeat it. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

const CALLERS = ['user', 'key', 'admin', 'nobody'] as const;
type Caller = (typeof CALLERS)[number];
/** Anybody, but mostly one whom the operation is for. */
const callerOf = ({ access }: Operation) => {
  const usual = fc.constant<Caller>(access.startsWith('admins') ? 'admin' : 'user');
  return fc.oneof({ weight: 5, arbitrary: usual }, fc.constantFrom(...CALLERS));
};

let stack: TestStack;
let callers: Record<Caller, ApiClient>;
let userId: string;
let picture: Buffer;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi({
    RATE_LIMIT_SUBMIT: '0',
    RATE_LIMIT_REQUEST: '0',
    // An image that expires meanwhile is not what a refusal wrote.
    EXPIRE_EVERY_MS: '3600000',
  });
  const user = await stack.createUser();
  const asUser = createApiClient(url, user.token);
  const { body: key } = await askOperation(asUser, operationOf('createApiKey'));
  callers = {
    user: asUser,
    key: createApiClient(url, key.secret),
    admin: createApiClient(url, stack.serviceRoleKey),
    nobody: createApiClient(url),
  };
  userId = user.id;
  picture = await plainPicture(8, 8);
});
after(() => stack.stop());

describe(`whatever is sent (seed ${SEED})`, () => {
  for (const operation of OPERATIONS) {
    for (const part of partsOf(operation)) {
      it(`as the ${part} of ${nameOf(operation)} is answered, and a refusal writes nothing`, async () => {
        const things = keepThings(operation);
        const request = drawRequest(operation, part, picture);
        const property = fc.asyncProperty(request, callerOf(operation), async (asked, as) => {
          const ids = await things.ids();
          const before = await things.state();

          const answer = await askOperation(callers[as], operation, {
            file: picture,
            ...withOwn(asked, ids),
          });

          assertAnswered(answer);
          if (answer.status < 400) await things.changed(answer);
          else assert.deepEqual(await things.read(), before, 'a refusal wrote something');
        });
        await fc.assert(property, { numRuns: RUNS[part], seed: SEED, timeout: ANSWERED_WITHIN_MS });
      });
    }
  }

  it('was sent to every operation of the OpenAPI document, which let some of it in', () => {
    const document = Object.entries(createOpenApiDocument().paths ?? {}).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const letIn = OPERATIONS.filter(({ operationId, answers }) =>
      Object.keys(answers).some((status) => seenAnswers.has(`${operationId} ${status}`)),
    );

    assert.deepEqual(letIn.map(nameOf).sort(), document.sort());
  });
});

/** Whatever was sent: no fault of the server, and a refusal that says why. The client has held it to the document. */
function assertAnswered({ status, headers, body, text }: Answer): void {
  assert.ok(status < 500, `${status} ${text}`);
  if (status < 400) return;
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.equal(body.status, status);
}

function withOwn(asked: Asked, own: Record<string, string>): Asked {
  const ids = Object.entries(asked.ids ?? {}).map(([name, id]) => [
    name,
    id === OWN ? (own[name] ?? '') : id,
  ]);
  return { ...asked, ids: Object.fromEntries(ids) };
}

/** What an operation is done with, new again when it has been used up, and all that it must leave alone when it refuses. */
function keepThings(operation: Operation) {
  let ids: Record<string, string> | null = null;
  let state: Json = null;
  const read = async () => ({
    ...(await readWritten(stack)),
    ...(operation.form && { objects: await listObjects(ids?.id ?? ''), folders: await uploadFolders() }),
  });
  return {
    async ids(): Promise<Record<string, string>> {
      if (ids) return ids;
      state = null;
      ids = await makeThing(operation);
      return ids;
    },
    read,
    async state(): Promise<Json> {
      state ??= await read();
      return state;
    },
    async changed({ status, body }: Answer): Promise<void> {
      state = null;
      // A user can have a hundred keys, which would be all before the end.
      if (operation.operationId === 'createApiKey') await revokeKey(body.id);
      if (operation.operationId === 'createWebhookSecret') await dropSecrets();
      if (operation.method === 'delete' || (operation.form && status === 201)) ids = null;
    },
  };
}

async function makeThing({ path, operationId }: Operation): Promise<Record<string, string>> {
  if (!path.includes('{id}')) return { file: FILE_OF[operationId] ?? '' };
  if (path.includes('/webhook-deliveries/')) return { id: await makeDelivery(stack, userId) };
  await dropSecrets();
  const create = path.includes('/datasets/')
    ? 'createDataset'
    : path.includes('/api-keys/')
      ? 'createApiKey'
      : path.includes('/batches/')
        ? 'createBatch'
        : path.includes('/webhook-secrets/')
          ? 'createWebhookSecret'
          : 'generateImage';
  const { status, body, text } = await askOperation(callers.user, operationOf(create));
  assert.ok(status < 300, text);
  if (operationId === 'getImageFile') await finishImage(stack, body.id);
  if (operationId === 'retryBatch') await failBatch(stack, body.id);
  const ids = { id: body.id, image_id: '' };
  if (path.includes('{image_id}')) {
    const added = await askOperation(callers.user, operationOf('addDatasetImages'), { ids, file: picture });
    ids.image_id = added.body.images[0].id;
  }
  return ids;
}

/** A user has two at most. */
const dropSecrets = () => stack.sql('delete from public.webhook_secrets');

async function revokeKey(id: string): Promise<void> {
  const { status, text } = await askOperation(callers.admin, operationOf('revokeApiKey'), { ids: { id } });
  assert.equal(status, 204, text);
}

async function listObjects(datasetId: string): Promise<string[]> {
  const listed = await Promise.all(
    ['dataset-images', 'logos'].map((bucket) =>
      stack.supabase.storage.from(bucket).list(`${userId}/${datasetId}`),
    ),
  );
  return listed.flatMap(({ data }) => data?.map(({ name }) => name) ?? []);
}
