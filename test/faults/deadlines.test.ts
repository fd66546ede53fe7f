import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Row } from '../support/generations.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { holdRequests } from './held-requests.ts';
import { assertInvariants } from './invariants.ts';
import { storedObjects } from './stored-objects.ts';

/** Its timer comes in no test: what expires there is the workers' doing. */
const NO_API_TIMER = { EXPIRE_EVERY_MS: '600000' };

const passDeadline = ({ base }: FaultStack, { id }: Submitted) =>
  base.sql('update public.generated_images set deadline_at = now() where id = $1', [id]);

async function submitCalling(stack: FaultStack): Promise<Submitted> {
  const image = await stack.submit('[[sim:fault=hold:ok]]');
  await stack.gemini.waitForCall(image.key);
  return image;
}

/** Expired, with the calls that were started, and with a start only if there was one. */
function assertExpired(row: Row | undefined, stack: FaultStack, { key }: Submitted, calls: 0 | 1): void {
  assert.deepEqual(
    {
      ...{ status: row?.status, code: row?.error_code, started: row?.started_at !== null },
      ...{ calls: stack.gemini.callsOf(key).started, billable: row?.billable_calls },
    },
    { status: 'expired', code: 'deadline_exceeded', started: calls > 0, calls, billable: calls },
  );
}

describe('a deadline that passes', { concurrency: 3 }, () => {
  it('while no worker lives ends an image that was never released, by the API alone', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    await stack.base.sql(
      `insert into public.pauses (scope, until) values ('operator', now() + interval '1 hour')`,
    );
    const image = await stack.submit();

    await passDeadline(stack, image);

    const [row] = await stack.waitForEnd(image);
    assertExpired(row, stack, image, 0);
    assert.equal(row?.released_at, null);
    await stack.base.sql('delete from public.pauses');
    await assertInvariants(stack);
    assert.equal(stack.gemini.callsOf(image.key).started, 0);
  });

  it('while the image waits in Redis leaves a job that calls nobody', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    const image = await stack.submit();
    await waitFor('the job', async () => (await stack.monitor.jobs()) === 1);

    await passDeadline(stack, image);
    const [row] = await stack.waitForEnd(image);
    await stack.startWorker();

    await waitFor('the job to be done with', async () => (await stack.monitor.jobs()) === 0);
    assertExpired(row, stack, image, 0);
    assert.notEqual(row?.released_at, null);
    await assertInvariants(stack);
  });

  it('before a worker takes the job, and before any timer has seen that, calls nobody either', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi(NO_API_TIMER);
    const image = await stack.submit();
    await waitFor('the job', async () => (await stack.monitor.jobs()) === 1);

    await passDeadline(stack, image);
    await stack.startWorker();

    const [row] = await stack.waitForEnd(image);
    assertExpired(row, stack, image, 0);
    await assertInvariants(stack);
  });

  it('during the call ends the call, by a worker when no API lives', async (t) => {
    const stack = await startFaultStack(t);
    const [api] = await Promise.all([stack.startApi(NO_API_TIMER), stack.startWorker()]);
    const image = await submitCalling(stack);
    await api.kill();

    await passDeadline(stack, image);

    const [row] = await stack.waitForEnd(image);
    await stack.gemini.waitForCall(image.key, 1, 'aborted');
    assertExpired(row, stack, image, 1);
    await assertInvariants(stack);
  });

  it('with the worker dead in its call ends the image, by the API alone', async (t) => {
    const stack = await startFaultStack(t);
    const [, victim] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    await victim.kill();

    await passDeadline(stack, image);

    const [row] = await stack.waitForEnd(image);
    assertExpired(row, stack, image, 1);
    await assertInvariants(stack);
    assert.equal(stack.gemini.callsOf(image.key).started, 1);
  });

  it('during the upload leaves no object, though it arrives after the end', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    const uploads = holdRequests(stack.supabase, { ids: [String(image.id)], of: 'upload' });
    stack.gemini.release(image.key);
    await uploads.arrived(1);

    await passDeadline(stack, image);

    const [row] = await stack.waitForEnd(image);
    await waitFor('the work to be dropped', async () => (await stack.monitor.jobs()) === 0);
    uploads.letGo();
    await waitFor('the late object', async () => (await storedObjects(stack, image.id)).length === 1);
    assertExpired(row, stack, image, 1);
    await assertInvariants(stack);
    assert.deepEqual(await storedObjects(stack, image.id), []);
  });

  it('with the image stored but not yet completed has the worker remove it', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    await Promise.all([stack.startApi(), stack.startWorker()]);
    const image = await submitCalling(stack);
    const completions = holdRequests(stack.supabase, {
      ids: [String(image.id)],
      of: 'complete_generation',
    });
    stack.gemini.release(image.key);
    await completions.arrived(1);
    assert.deepEqual(await storedObjects(stack, image.id), ['1.png']);

    await passDeadline(stack, image);
    const [row] = await stack.waitForEnd(image);
    completions.letGo();

    await waitFor('the object to go', async () => (await storedObjects(stack, image.id)).length === 0);
    assertExpired(row, stack, image, 1);
    await assertInvariants(stack);
  });
});
