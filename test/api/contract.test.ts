import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ApiErrorCode } from '../../src/api/api-error.ts';
import type { Operation } from '../../src/api/openapi/operation.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type ApiClient, createApiClient, type Json, UNKNOWN_ID } from './api-client.ts';
import { type Asked, askOperation, FILE_OF, isForAdmins, isStream, operationOf } from './ask-operation.ts';
import { documentedAnswers, OPERATIONS, seenAnswers } from './contract.ts';
import { whileStreamsAreFull } from './event-reader.ts';
import { failBatch } from './fail-batch.ts';
import { makeDelivery } from './make-delivery.ts';
import { type Fate, outcome, type RpcProxy, refusal, startRpcProxy } from './rpc-proxy.ts';
import { FUNCTION_OF } from './sql-functions.ts';

let stack: TestStack;
let proxy: RpcProxy;
let url: string;
let token: string;
let user: ApiClient;
let admin: ApiClient;
let limited: ApiClient;
let pending: Json;
let dataset: Json;
let shared: Json;
let nobodys: Json;
let batch: Json;
let picture: Buffer;
before(async () => {
  stack = await startTestStack();
  proxy = await startRpcProxy(stack.supabaseUrl);
  ({ url } = await stack.startApi({
    SUPABASE_URL: proxy.url,
    SUPABASE_JWT_ISSUER: `${stack.supabaseUrl}/auth/v1`,
    METRICS_TOKEN: UNKNOWN_ID,
  }));
  ({ token } = await stack.createUser());
  user = createApiClient(url, token);
  admin = createApiClient(url, stack.serviceRoleKey);
  pending = await user.submit();
  const narrow = await stack.startApi({
    RATE_LIMIT_SUBMIT: '1',
    RATE_LIMIT_REQUEST: '1',
    RATE_LIMIT_PATIENCE_MS: '10000',
  });
  limited = createApiClient(narrow.url, (await stack.createUser()).token);
  await limited.submit();
  await limited.history();
  picture = await plainPicture(8, 8);
  ({ body: dataset } = await ask(operationOf('createDataset')));
  ({ body: dataset } = await ask(operationOf('addDatasetImages')));
  ({ body: shared } = await ask(operationOf('createDataset'), { api: admin }));
  nobodys = await admin.submit();
  ({ body: batch } = await ask(operationOf('createBatch')));
  await failBatch(stack, batch?.id);
});
after(async () => {
  await proxy.close();
  await stack.stop();
});

/** Asked as the user, about what is theirs, unless told otherwise. */
function ask(
  operation: Operation,
  {
    id,
    api = isForAdmins(operation) ? admin : user,
    ...asked
  }: Asked & { id?: string; api?: ApiClient } = {},
) {
  const owned: Record<string, Json> = { datasets: dataset, batches: batch };
  const own = (owned[operation.path.split('/')[2] ?? ''] ?? pending)?.id;
  const ids = { id: id ?? own, file: id ?? '', image_id: dataset?.images[0]?.id };
  return askOperation(api, operation, { file: picture, ids, ...asked });
}

const askAbout = (id: string, operation: Operation) =>
  ask(operation, { id, query: isStream(operation) ? `?image_id=${id}` : '' });
const createKey = async (): Promise<Json> => (await ask(operationOf('createApiKey'))).body;

async function deletedImage(): Promise<string> {
  const { id } = await user.submit();
  await ask(operationOf('deleteImage'), { id });
  return id;
}

async function askWhile(fate: Fate, operation: Operation, asked: Asked = {}) {
  proxy.decide(FUNCTION_OF[operation.operationId] ?? '', fate);
  await ask(operation, asked);
  proxy.restore();
}

/** How to be refused with each code. */
const REFUSE: Partial<Record<ApiErrorCode, (operation: Operation) => Promise<unknown>>> = {
  malformed_json: (operation) => ask(operation, { raw: '{' }),
  malformed_multipart: (operation) =>
    ask(operation, { raw: '--x', headers: { 'content-type': 'multipart/form-data; boundary=x' } }),
  unsupported_media_type: (operation) =>
    ask(operation, { raw: 'x', headers: { 'content-type': 'text/plain' } }),
  payload_too_large: (operation) =>
    operation.body?.lines
      ? ask(operation, { raw: 'x'.repeat(300_000), headers: { 'content-type': 'application/x-ndjson' } })
      : ask(operation, { body: { name: 'x'.repeat(300_000) }, file: Buffer.alloc(10 * 1024 * 1024 + 1) }),
  validation_failed: (operation) =>
    ask(operation, {
      body: { no_such_field: 1 },
      query: '?limit=0',
      file: Buffer.from('no picture'),
      headers: { 'idempotency-key': 'no key' },
    }),
  rate_limited: (operation) => ask(operation, { api: limited }),
  unauthorized: (operation) => ask(operation, { api: createApiClient(url, 'no.good.token') }),
  not_found: (operation) => askAbout(UNKNOWN_ID, operation),
  too_many_streams: (operation) => whileStreamsAreFull(url, token, () => ask(operation)),
  image_not_ready: (operation) => ask(operation),
  internal: (operation) => askWhile(refusal('XX000'), operation),
  temporarily_unavailable: (operation) => askWhile(refusal('57014'), operation),
  async queue_full(operation) {
    if (!operation.path.startsWith('/ai/batches')) return askWhile(outcome('queue_full'), operation);
    await stack.sql('update public.settings set max_pending = 0');
    await ask(operation);
    await stack.sql('update public.settings set max_pending = default');
  },
  idempotency_in_progress: (operation) =>
    askWhile(refusal('55P03'), operation, { headers: { 'idempotency-key': randomUUID() } }),
  async gone(operation) {
    if (operation.pathParams || isStream(operation)) await askAbout(await deletedImage(), operation);
    else await askWhile(outcome('gone'), operation);
  },
  async idempotency_key_reused(operation) {
    const headers = { 'idempotency-key': randomUUID() };
    await ask(operation, { headers });
    const other = operation.operationId === 'createBatch' ? { name: 'Another' } : { style: 'anime' };
    await ask(operation, { headers, body: { ...(operation.body?.example as object), ...other } });
  },
  async forbidden(operation) {
    if (isForAdmins(operation)) return ask(operation, { api: user });
    if (operation.path === '/ai/datasets') return ask(operation, { body: { owner_id: UNKNOWN_ID } });
    if (operation.path.startsWith('/ai/datasets')) return ask(operation, { id: shared.id });
    if (operation.path.startsWith('/ai/generated-images/'))
      return ask(operation, { id: nobodys.id, api: createApiClient(url) });
    const api = operation.query ? user : createApiClient(url, (await createKey()).secret);
    return ask(operation, { query: operation.query ? `?user_id=${UNKNOWN_ID}` : '', api });
  },
};

describe('every refusal of', () => {
  for (const operation of OPERATIONS.filter(({ refusals }) => refusals.length > 0)) {
    it(`${operation.operationId} is as the document has it`, async () => {
      for (const code of operation.refusals) await REFUSE[code]?.(operation);

      assert.deepEqual(
        documentedAnswers(operation)
          .filter((one) => one.split(' ').length === 3)
          .filter((one) => !seenAnswers.has(one)),
        [],
      );
    });
  }
});

describe('every answer', () => {
  it('about an image is as the document has it', async () => {
    const get = operationOf('getImage');
    const etag = (await ask(get)).headers.get('etag') ?? '';
    await ask(get, { headers: { 'if-none-match': etag } });
    await ask(operationOf('listImages'), { query: '?limit=1&include_total=true' });
    for (const name of ['streamEvents', 'listImageEvents', 'cancelImage', 'getQueue'])
      await ask(operationOf(name));
    await ask(operationOf('generateImage'), { body: { prompt: 'A fox', dry_run: true } });
  });

  it('about an image that a worker makes is as the document has it', async () => {
    const worker = await stack.startWorker();
    const key = randomUUID();
    const held = await user.submit({ prompt: `A harbour [[sim:key=${key}; fault=hold:ok]]` });
    await stack.gemini.control.waitForCall(key);
    await ask(operationOf('cancelImage'), { id: held.id });
    const { id } = await user.submit({ prompt: 'A harbour [[sim:bytes=1024]]' });
    await waitForEnd(url, id, token);
    await ask(operationOf('getImage'), { id });
    await ask(operationOf('getImageFile'), { id });
    const odd = await user.submit({ prompt: 'A harbour [[sim:pixels=512x256; fault=image-with-finish]]' });
    await waitForEnd(url, odd.id, token);
    assert.equal((await ask(operationOf('getImage'), { id: odd.id })).body.warnings.length, 3);
    await ask(operationOf('regenerateImage'), { id, headers: { prefer: 'wait=50' }, body: {} });
    await ask(operationOf('generateImage'), {
      headers: { prefer: 'wait=50' },
      body: { prompt: 'A harbour [[sim:bytes=1024]]' },
    });
    await worker.stop();
  });

  it('about datasets is as the document has it', async () => {
    for (const name of ['listDatasets', 'getDataset', 'changeDataset', 'setDatasetLogo']) {
      await ask(operationOf(name));
    }
    for (const name of ['removeDatasetLogo', 'removeDatasetImage', 'deleteDataset'])
      await ask(operationOf(name));
  });

  it('about batches is as the document has it', async () => {
    for (const name of ['listBatches', 'getBatch', 'createBatch', 'cancelBatch', 'retryBatch'])
      await ask(operationOf(name));
    const body = { items: [{ prompt: 'A harbour' }], dry_run: true };
    assert.equal((await ask(operationOf('createBatch'), { body })).body.images, 1);
  });

  it('about the queue is as the document has it', async () => {
    for (const operation of OPERATIONS.filter(isForAdmins)) await ask(operation);
    await ask(operationOf('purgeQueue'), { body: { all: true, model: 'no-such-model', dry_run: true } });
    await ask(operationOf('retryFailedImages'), { body: { dry_run: true } });
  });

  it('about API keys, webhooks and usage is as the document has it', async () => {
    const { id, user_id: userId } = await createKey();
    await ask(operationOf('replayWebhookDelivery'), { id: await makeDelivery(stack, userId) });
    const { body: secret } = await ask(operationOf('createWebhookSecret'));
    await ask(operationOf('listWebhookSecrets'));
    await ask(operationOf('deleteWebhookSecret'), { id: secret.id });
    for (const name of ['listWebhookDeliveries', 'listApiKeys', 'getUsage', 'listPopularPrompts'])
      await ask(operationOf(name));
    await ask(operationOf('revokeApiKey'), { id });
  });

  it('about the deployment is as the document has it', async () => {
    await ask(operationOf('getHealth'));
    await ask(operationOf('getReadiness'));
    proxy.decide('list_missing_functions', refusal('XX000'));
    // What is known stands for a second.
    while ((await ask(operationOf('getReadiness'))).status !== 503);
    proxy.restore();
    await ask(operationOf('getMetrics'), { api: createApiClient(url, UNKNOWN_ID) });
    for (const name of ['getOptions', 'getOpenApiDocument', 'getPage', ...Object.keys(FILE_OF)]) {
      const { headers } = await ask(operationOf(name), { id: FILE_OF[name] ?? '' });
      const known = { 'if-none-match': headers.get('etag') ?? '' };
      await ask(operationOf(name), { id: FILE_OF[name] ?? '', headers: known });
    }
    await ask(operationOf('getDocumentationPage'));
    const page = await user.get('/docs/');
    await user.get('/docs/', { 'if-none-match': page.headers.get('etag') ?? '' });
  });
});

it('everything that the document says was answered in this file', () => {
  const missing = OPERATIONS.flatMap(documentedAnswers).filter((one) => !seenAnswers.has(one));
  assert.deepEqual(missing, []);
});
