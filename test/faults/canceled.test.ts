import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import type { FaultProcess } from './fault-process.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { holdRequests, isCompletionOf } from './held-requests.ts';
import { assertInvariants } from './invariants.ts';
import { storedObjects } from './stored-objects.ts';

type Answer = { http: number; status: string };

async function cancel(api: FaultProcess, { id }: Submitted): Promise<Answer> {
  const { url } = await api.waitForLine('api.started');
  const answer = await fetch(`${url}/ai/generated-images/${id}/cancel`, { method: 'POST' });
  return { http: answer.status, status: ((await answer.json()) as { status: string }).status };
}

async function submitCalling(stack: FaultStack): Promise<Submitted> {
  const image = await stack.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.waitForCall(image.key);
  return image;
}

/** Canceled for good: after as many calls, with no object, and no job is left that could change it. */
async function assertCanceled(stack: FaultStack, image: Submitted, calls: 0 | 1): Promise<void> {
  const [row] = await stack.waitForEnd(image);
  await waitFor('Redis to be empty', async () => (await stack.monitor.jobs()) === 0);
  assert.deepEqual(
    [row?.status, row?.image_url, row?.billable_calls, stack.gemini.callsOf(image.key).started],
    ['canceled', null, calls, calls],
  );
  await assertInvariants(stack);
  assert.deepEqual(await storedObjects(stack, image.id), []);
}

/** The first completion is executed and its answer lost; those that follow are held. */
function loseCompletion(supabase: FaultProxy, { id }: Submitted) {
  const goOn = Promise.withResolvers<void>();
  const isCompletion = isCompletionOf(String(id));
  let seen = false;
  supabase.decide(async (request) => {
    if (!isCompletion(request)) return 'pass';
    if (seen) await goOn.promise;
    const fate = seen ? 'pass' : 'lose';
    seen = true;
    return fate;
  });
  return { letGo: goOn.resolve };
}

describe('a cancel', { concurrency: 3 }, () => {
  it('of an image that was never released ends it at once', async (t) => {
    const stack = await startFaultStack(t);
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    await stack.base.sql(
      `insert into public.pauses (scope, until) values ('operator', now() + interval '1 hour')`,
    );
    const image = await stack.submit();

    assert.deepEqual(await cancel(api, image), { http: 200, status: 'canceled' });

    await stack.base.sql('delete from public.pauses');
    await stack.waitForEnd(await stack.submit());
    await assertCanceled(stack, image, 0);
  });

  it('of an image that waits in Redis leaves a job that calls nobody', async (t) => {
    const stack = await startFaultStack(t);
    const api = await stack.startApi();
    const image = await stack.submit();
    await waitFor('the job', async () => (await stack.monitor.jobs()) === 1);

    assert.deepEqual(await cancel(api, image), { http: 200, status: 'canceled' });

    await stack.startWorker();
    await assertCanceled(stack, image, 0);
  });

  it('through another API than the one that took the image ends a call on whichever worker has it', async (t) => {
    const stack = await startFaultStack(t);
    const other = await stack.startApi();
    await Promise.all([stack.startApi(), stack.startWorker(), stack.startWorker()]);
    const image = await submitCalling(stack);

    assert.deepEqual(await cancel(other, image), { http: 202, status: 'processing' });

    await stack.gemini.waitForCall(image.key, 1, 'aborted');
    await assertCanceled(stack, image, 1);
  });

  it('while Redis is away ends the call by the next beats', async (t) => {
    const stack = await startFaultStack(t, { redis: 'own' });
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    await stack.ownRedis.kill();
    await api.waitForLine('redis.away');

    assert.deepEqual(await cancel(api, image), { http: 202, status: 'processing' });

    await stack.gemini.waitForCall(image.key, 1, 'aborted');
    const [row] = await stack.waitForEnd(image);
    assert.equal(row?.status, 'canceled');
    await stack.ownRedis.startEmpty();
    await waitFor('Redis to be back', () =>
      stack.monitor.jobs().then(
        () => true,
        () => false,
      ),
    );
    await assertCanceled(stack, image, 1);
  });

  it('of an image whose worker is dead is carried out by another one, without a call', async (t) => {
    const stack = await startFaultStack(t);
    const [api, victim] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    await victim.kill();

    assert.deepEqual(await cancel(api, image), { http: 202, status: 'processing' });

    await stack.startWorker();
    await assertCanceled(stack, image, 1);
  });

  it('during the upload leaves no object, though it arrives after the end', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    const uploads = holdRequests(stack.supabase, { ids: [String(image.id)], of: 'upload' });
    stack.gemini.release(image.key);
    await uploads.arrived(1);

    assert.deepEqual(await cancel(api, image), { http: 202, status: 'processing' });

    await stack.waitForEnd(image);
    await waitFor('the work to be dropped', async () => (await stack.monitor.jobs()) === 0);
    uploads.letGo();
    await waitFor('the late object', async () => (await storedObjects(stack, image.id)).length === 1);
    await assertCanceled(stack, image, 1);
  });

  it('that comes before the completion wins, and the worker removes the image', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    const completions = holdRequests(stack.supabase, {
      ids: [String(image.id)],
      of: 'complete_generation',
    });
    stack.gemini.release(image.key);
    await completions.arrived(1);

    assert.deepEqual(await cancel(api, image), { http: 202, status: 'processing' });
    completions.letGo();

    await stack.waitForEnd(image);
    await waitFor('the object to go', async () => (await storedObjects(stack, image.id)).length === 0);
    await assertCanceled(stack, image, 1);
  });

  it('that comes after the completion is too late, even before the worker knows of its success', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    const completion = loseCompletion(stack.supabase, image);
    stack.gemini.release(image.key);
    await stack.waitForEnd(image);

    assert.deepEqual(await cancel(api, image), { http: 200, status: 'succeeded' });
    completion.letGo();

    await waitFor('the work to be done with', async () => (await stack.monitor.jobs()) === 0);
    const row = await image.row();
    assert.deepEqual(
      [row.status, row.attempt, await storedObjects(stack, image.id)],
      ['succeeded', 1, ['1.png']],
    );
    await assertInvariants(stack);
  });
});
