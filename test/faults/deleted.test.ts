import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { FailpointName } from '../../src/shared/failpoints.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { holdRequests } from './held-requests.ts';
import { assertInvariants } from './invariants.ts';
import { storedObjects } from './stored-objects.ts';

/** An image, and what deletes it, its user or its dataset. */
type Doomed = Submitted & { delete(): Promise<void>; objects(): Promise<string[]> };
type All = { row: Doomed; user: Doomed; dataset: Doomed };

async function submitDoomed(stack: FaultStack, what: keyof All, markers = ''): Promise<Doomed> {
  const { sql, createUser } = stack.base;
  const user = what === 'user' ? await createUser() : null;
  const datasetId = randomUUID();
  if (what === 'dataset') await sql('insert into public.datasets (id) values ($1)', [datasetId]);
  const image = await stack.submit(markers, {
    ...(user && { token: user.token }),
    ...(what === 'dataset' && { fields: { dataset_id: datasetId } }),
  });
  const statements = {
    row: ['delete from public.generated_images where id = $1', image.id],
    user: ['delete from auth.users where id = $1', user?.id],
    dataset: ['delete from public.datasets where id = $1', datasetId],
  } as const;
  const [statement, id] = statements[what];
  return {
    ...image,
    objects: () => storedObjects(stack, image.id, user?.id),
    async delete() {
      await sql(statement, [id]);
      // Who deletes an image, or its user, is promised nothing about it any more.
      if (what !== 'dataset') stack.forget(image.key);
    },
  };
}

async function submitAll(stack: FaultStack, markers = ''): Promise<All> {
  const [row, user, dataset] = await Promise.all(
    (['row', 'user', 'dataset'] as const).map((what) => submitDoomed(stack, what, markers)),
  );
  if (!row || !user || !dataset) throw new Error('one of three is missing');
  return { row, user, dataset };
}

async function submitCalling(stack: FaultStack): Promise<All> {
  await Promise.all([stack.startApi(), stack.startWorker()]);
  const all = await submitAll(stack, '[[sim:fault=hold:ok]]');
  await Promise.all(Object.values(all).map(({ key }) => stack.gemini.waitForCall(key)));
  return all;
}

const deleteAll = (all: All) => Promise.all(Object.values(all).map((one) => one.delete()));
const idsOf = (all: All) => Object.values(all).map(({ id }) => String(id));
const callsOf = (stack: FaultStack, all: All) =>
  Object.values(all).map(({ key }) => stack.gemini.callsOf(key).started);

/** The image of the dataset is made, the two others are nowhere, and the worker makes the next one. */
async function assertOnlyDatasetWent(stack: FaultStack, { row, user, dataset }: All): Promise<void> {
  const [kept, next] = await stack.waitForEnd(dataset, await stack.submit());
  assert.deepEqual([kept?.status, kept?.dataset_id, next?.status], ['succeeded', null, 'succeeded']);
  const left = 'select id from public.generated_images where id = any ($1)';
  assert.deepEqual(await stack.base.sql(left, [[row.id, user.id]]), []);
  await waitFor('Redis to be empty', async () => (await stack.monitor.jobs()) === 0);
  await assertInvariants(stack);
  assert.deepEqual([await row.objects(), await user.objects()], [[], []]);
}

describe('an image, a user and a dataset that are deleted', { concurrency: 2 }, () => {
  it('while the images wait in Redis cost no call', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startApi();
    const all = await submitAll(stack);
    await waitFor('all to be released', async () => (await stack.monitor.jobs()) === 3);

    await deleteAll(all);
    await stack.startWorker();

    await assertOnlyDatasetWent(stack, all);
    assert.deepEqual(callsOf(stack, all), [0, 0, 1]);
  });

  it('while the images wait in Postgres cost no call', async (t) => {
    const stack = await startFaultStack(t);
    await Promise.all([stack.startApi(), stack.startWorker()]);
    await stack.base.sql(
      `insert into public.pauses (scope, until) values ('operator', now() + interval '1 hour')`,
    );
    const all = await submitAll(stack);

    await deleteAll(all);
    await stack.base.sql('delete from public.pauses');

    await assertOnlyDatasetWent(stack, all);
    assert.deepEqual(callsOf(stack, all), [0, 0, 1]);
  });

  it('during the calls end those whose image is gone', async (t) => {
    const stack = await startFaultStack(t);
    const all = await submitCalling(stack);

    await deleteAll(all);

    await Promise.all([all.row, all.user].map(({ key }) => stack.gemini.waitForCall(key, 1, 'aborted')));
    stack.gemini.release(all.dataset.key);
    await assertOnlyDatasetWent(stack, all);
    assert.deepEqual(callsOf(stack, all), [1, 1, 1]);
  });

  it('during the uploads leave no object, though one arrives after all that', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const all = await submitCalling(stack);
    const uploads = holdRequests(stack.supabase, { ids: idsOf(all), of: 'upload' });
    stack.gemini.release();
    await uploads.arrived(3);

    await deleteAll(all);

    await waitFor('the work to be dropped', async () => (await stack.monitor.jobs()) === 1);
    uploads.letGo();
    for (const { objects } of [all.row, all.user])
      await waitFor('the late object', async () => (await objects()).length === 1);
    await assertOnlyDatasetWent(stack, all);
    assert.deepEqual(callsOf(stack, all), [1, 1, 1]);
  });

  it('with the images stored but not yet completed have the worker remove those of nobody', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const all = await submitCalling(stack);
    const completions = holdRequests(stack.supabase, { ids: idsOf(all), of: 'complete_generation' });
    stack.gemini.release();
    await completions.arrived(3);
    assert.deepEqual([await all.row.objects(), await all.user.objects()], [['1.png'], ['1.png']]);

    await deleteAll(all);
    completions.letGo();

    for (const { objects } of [all.row, all.user])
      await waitFor('the object to be removed', async () => (await objects()).length === 0);
    await assertOnlyDatasetWent(stack, all);
  });

  const points: [FailpointName, number][] = [
    ['worker.after_claim', 0],
    ['worker.after_upload', 1],
  ];
  for (const [point, calls] of points) {
    it(`with their worker dead ${point.replace('worker.', '').replace('_', ' ')} are no work for another`, async (t) => {
      const stack = await startFaultStack(t);
      await stack.startApi();
      const die = async (what: keyof All) => {
        const [victim, image] = await Promise.all([
          stack.startWorker({ FAILPOINTS: point }),
          submitDoomed(stack, what),
        ]);
        await victim.ended;
        await image.delete();
        return image;
      };
      const all = { row: await die('row'), user: await die('user'), dataset: await die('dataset') };

      await stack.startWorker();

      await assertOnlyDatasetWent(stack, all);
      assert.deepEqual(callsOf(stack, all), [calls, calls, 1]);
    });
  }
});
