import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import {
  asksTo,
  type Fate,
  type FaultProxy,
  type ProxiedRequest,
  startFaultProxy,
} from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
  await stack.startWorker({ SUPABASE_URL: supabase.url, SUPABASE_PUBLIC_URL: stack.supabaseUrl });
});
afterEach(() => supabase.passAll());
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

/** A row whose call is under way and ends only when it is stopped or released. */
async function submitHeld(fields = {}, markers = 'fault=hold:ok'): Promise<string> {
  const id = await generations.submit(`[[sim:${markers}]]`, fields);
  await stack.gemini.control.waitForCall(id);
  return id;
}

const requestCancel = (id: string) =>
  stack.sql('update public.generated_images set cancel_requested_at = now() where id = $1', [id]);

/** Holds the first request that matches: `arrived` tells that it is there, `letGo` lets it on. */
function holdFirst(matches: (request: ProxiedRequest) => boolean) {
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let seen = false;
  supabase.decide(async (request): Promise<Fate> => {
    if (seen || !matches(request)) return 'pass';
    seen = true;
    arrived.resolve();
    await goOn.promise;
    return 'pass';
  });
  return { arrived: arrived.promise, letGo: () => goOn.resolve() };
}

const isCompletionOf = (id: string) => (request: ProxiedRequest) =>
  asksTo('complete')(request) && request.body.includes(id);
const isUploadOf = (id: string) => (request: ProxiedRequest) =>
  request.method === 'POST' && request.path.includes(`/object/generated-images/anonymous/${id}/`);

test('a cancel ends the call under way and the row', async () => {
  const id = await submitHeld();

  await requestCancel(id);

  const row = await generations.waitForEnd(id);
  await stack.gemini.control.waitForCall(id, 1, 'aborted');
  assert.deepEqual(
    [row.status, row.billable_calls, row.error_code, generations.calls(id)],
    ['canceled', 1, null, 1],
  );
  assert.deepEqual(await generations.objects(id), []);
});

test('a cancel that comes before the completion wins, and the image is removed', async () => {
  const id = await submitHeld();
  const { arrived, letGo } = holdFirst(isCompletionOf(id));
  stack.gemini.control.release(id);
  await arrived;

  await requestCancel(id);
  letGo();

  const row = await generations.waitForEnd(id);
  assert.deepEqual([row.status, row.image_url, row.billable_calls], ['canceled', null, 1]);
  assert.ok(Number(row.cost_usd) > 0.03);
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
});

test('an upload that arrives after its row was canceled is cleaned up in time', async () => {
  // A small one: what is sent from a file ends with its attempt.
  const id = await submitHeld({}, 'bytes=1024; fault=hold:ok');
  const { arrived, letGo } = holdFirst(isUploadOf(id));
  stack.gemini.control.release(id);
  await arrived;
  await requestCancel(id);
  const row = await generations.waitForEnd(id);

  letGo();
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), ['1.png']));
  await stack.sql('update public.storage_cleanup set due_at = now() where image_id = $1', [id]);

  assert.equal(row.status, 'canceled');
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
});

test('a row that fails while its cancel is on its way is canceled, and not tried again', async () => {
  const id = await generations.submit('[[sim:fault=hold:503]]');
  await stack.gemini.control.waitForCall(id);

  await requestCancel(id);
  stack.gemini.control.release(id);

  const row = await generations.waitForEnd(id);
  assert.deepEqual([row.status, generations.calls(id)], ['canceled', 1]);
});

test('a row that is deleted in the middle of its call ends it and leaves nothing', async () => {
  const id = await submitHeld();

  await stack.sql('delete from public.generated_images where id = $1', [id]);

  await stack.gemini.control.waitForCall(id, 1, 'aborted');
  assert.deepEqual(await generations.objects(id), []);
  assert.equal(generations.calls(id), 1);
});

test('an image whose row was deleted before its completion is removed', async () => {
  const id = await submitHeld();
  const { arrived, letGo } = holdFirst(isCompletionOf(id));
  stack.gemini.control.release(id);
  await arrived;
  assert.deepEqual(await generations.objects(id), ['1.png']);

  await stack.sql('delete from public.generated_images where id = $1', [id]);
  letGo();

  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
});

test('a user who is deleted in the middle of a call takes the row along, and the call ends', async () => {
  const { id: userId } = await stack.createUser();
  const id = await submitHeld({ user_id: userId });

  await stack.sql('delete from auth.users where id = $1', [userId]);

  await stack.gemini.control.waitForCall(id, 1, 'aborted');
  assert.deepEqual(await stack.sql('select 1 from public.generated_images where id = $1', [id]), []);
  assert.deepEqual(await generations.objects(id, userId), []);
});

test('a dataset that is deleted in the middle of a call leaves the row its image', async () => {
  const datasetId = randomUUID();
  await stack.sql('insert into public.datasets (id) values ($1)', [datasetId]);
  const id = await submitHeld({ dataset_id: datasetId });

  await stack.sql('delete from public.datasets where id = $1', [datasetId]);
  stack.gemini.control.release(id);

  const row = await generations.waitForEnd(id);
  assert.deepEqual([row.status, row.dataset_id, row.attempt], ['succeeded', null, 1]);
});

test('a deadline that passes in the middle of a call ends it and the row', async () => {
  const id = await submitHeld();

  await stack.sql('update public.generated_images set deadline_at = now() where id = $1', [id]);

  const row = await generations.waitForEnd(id);
  await stack.gemini.control.waitForCall(id, 1, 'aborted');
  assert.deepEqual([row.status, row.error_code, row.billable_calls], ['expired', 'deadline_exceeded', 1]);
  assert.deepEqual(await generations.objects(id), []);
});

test('an image that comes after its row has expired is removed', async () => {
  const id = await submitHeld();
  const { arrived, letGo } = holdFirst(isCompletionOf(id));
  stack.gemini.control.release(id);
  await arrived;
  await stack.sql('update public.generated_images set deadline_at = now() where id = $1', [id]);
  const row = await generations.waitForEnd(id);

  letGo();

  assert.equal(row.status, 'expired');
  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
});

test('a row that another worker has taken over meanwhile keeps the image of the winner only', async () => {
  const id = await submitHeld();
  const { arrived, letGo } = holdFirst(isCompletionOf(id));
  stack.gemini.control.release(id);
  await arrived;
  const other = `anonymous/${id}/2.png`;
  await stack.sql(
    `update public.generated_images set attempt = 2, claim_id = gen_random_uuid(), status = 'succeeded',
       completed_at = now(), image_url = 'x', storage_path = $2 where id = $1`,
    [id, other],
  );

  letGo();

  await generations.waitFor(async () => assert.deepEqual(await generations.objects(id), []));
  assert.equal((await generations.row(id)).storage_path, other);
});
