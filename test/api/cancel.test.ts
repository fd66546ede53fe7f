import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES, UNKNOWN_ID } from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
before(async () => {
  // Beats are a minute apart: what stops quickly here was announced.
  stack = await startTestStack({ leaseSeconds: 360 });
  url = (await stack.startApi()).url;
  api = createApiClient(url);
});
after(() => stack.stop());

const cancel = (id: string, caller = api) => caller.send('POST', `${IMAGES}/${id}/cancel`);

it('a pending image is canceled at once, for nothing', async () => {
  const { id } = await api.submit();

  const answer = await cancel(id);

  assert.equal(answer.status, 200);
  assert.equal(answer.body.status, 'canceled');
  assert.equal(answer.body.started_at, null);
  assert.equal(answer.body.cost_usd, 0);
  assert.equal(answer.body.error, null);
  assert.notEqual(answer.body.completed_at, null);
});

it('an image that is being made is stopped without waiting for a beat, and no file is left', async () => {
  const worker = await stack.startWorker();
  const key = randomUUID();
  const { id } = await api.submit({ prompt: `A harbour [[sim:key=${key}; fault=hold:ok]]` });
  await stack.gemini.control.waitForCall(key);

  const answer = await cancel(id);

  assert.equal(answer.status, 202);
  assert.equal(answer.body.status, 'processing');
  assert.notEqual(answer.body.cancel_requested_at, null);
  assert.equal((await waitForEnd(url, id)).status, 'canceled');
  await stack.gemini.control.waitForCall(key, 1, 'aborted');
  const { data } = await stack.supabase.storage.from('generated-images').list(`anonymous/${id}`);
  assert.deepEqual(data, []);
  await worker.stop();
});

it('an image that has ended stays as it is, however often it is canceled', async () => {
  const { id } = await api.submit();
  const first = await cancel(id);

  const again = await cancel(id);

  assert.equal(again.status, 200);
  assert.deepEqual(again.body, first.body);
});

it("somebody else's image is not found, exactly like an unknown one", async () => {
  const owner = createApiClient(url, (await stack.createUser()).token);
  const { id } = await owner.submit();
  const stranger = createApiClient(url, (await stack.createUser()).token);

  for (const answer of [
    await cancel(id, stranger),
    await cancel(id),
    await cancel(UNKNOWN_ID, stranger),
    await cancel('no-uuid'),
  ]) {
    assertProblem(answer, 404, 'not_found');
  }
  assert.equal((await owner.read(id)).body.status, 'pending');
});

it('a deleted image is gone', async () => {
  const { id } = await api.submit();
  await stack.sql('update public.generated_images set deleted_at = now() where id = $1', [id]);

  assertProblem(await cancel(id), 410, 'gone');
});

it('only POST cancels', async () => {
  const answer = await api.get(`${IMAGES}/${UNKNOWN_ID}/cancel`);

  assertProblem(answer, 405, 'method_not_allowed');
  assert.equal(answer.headers.get('allow'), 'POST');
});
