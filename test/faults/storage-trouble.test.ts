import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Decide, type Fate, firstTimes, type ProxiedRequest } from '../support/fault-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { holdRequests, isUploadOf } from './held-requests.ts';
import { assertInvariants } from './invariants.ts';
import { storedObjects } from './stored-objects.ts';

const IMAGES = 3;

type Calling = { stack: FaultStack; images: Submitted[] };

/** Images that a worker is calling for. */
async function startCalling(t: TestContext, options: { leaseSeconds?: number } = {}): Promise<Calling> {
  const stack = await startFaultStack(t, { proxied: true, ...options });
  await Promise.all([stack.startApi(), stack.startWorker()]);
  const images = await stack.submitMany(IMAGES, '[[sim:fault=hold:ok]]');
  await Promise.all(images.map(({ key }) => stack.gemini.waitForCall(key)));
  return { stack, images };
}

const ofStorage = ({ path }: ProxiedRequest) => path.startsWith('/storage/v1/');

/** How often each image was sent to Storage. */
const countUploads = ({ stack, images }: Calling): number[] =>
  images.map(({ id }) => stack.supabase.requests.filter(isUploadOf(String(id))).length);

/** Each was called for and paid once, by its first attempt, and lies in Storage once. */
async function assertOneEach({ stack, images }: Calling): Promise<void> {
  const rows = await stack.waitForEnd(...images);
  const objects = await Promise.all(images.map(({ id }) => storedObjects(stack, id)));
  assert.deepEqual(
    rows.map(({ status, attempt, failures, billable_calls: billable }, index) => ({
      ...{ status, attempt, failures, billable, objects: objects[index] },
      calls: stack.gemini.callsOf(images[index]?.key ?? '').started,
    })),
    images.map(() => ({
      ...{ status: 'succeeded', attempt: 1, failures: 0, billable: 1, objects: ['1.png'] },
      calls: 1,
    })),
  );
  await assertInvariants(stack);
}

/** This fate for the first uploads of each image. */
function firstUploads(times: number, images: Submitted[], fate: Fate): Decide {
  const byImage = images.map(({ id }) => firstTimes(times, isUploadOf(String(id)), fate));
  return (request) => byImage.map((decide) => decide(request)).find((one) => one !== 'pass') ?? 'pass';
}

describe('a Storage that', { concurrency: 2 }, () => {
  const fates: [string, number, Fate][] = [
    ['loses its answers after it has stored the images', 2, 'lose'],
    ['cuts its answers in half', 1, 'halve'],
    ['is cut off before anything arrives', 2, 'cut'],
    ['asks to slow down', 1, { status: 429, body: '{"statusCode":"429","error":"slow","message":"slow"}' }],
  ];
  for (const [what, times, fate] of fates) {
    it(`${what} costs no second call and leaves one object each`, async (t) => {
      const calling = await startCalling(t);
      calling.stack.supabase.decide(firstUploads(times, calling.images, fate));
      calling.stack.gemini.release();

      await calling.stack.waitForEnd(...calling.images);

      assert.deepEqual(
        countUploads(calling),
        calling.images.map(() => times + 1),
      );
      await assertOneEach(calling);
    });
  }

  it('fails with whatever it is asked, for a while, has paid images wait for it', async (t) => {
    const calling = await startCalling(t);
    const { stack } = calling;
    stack.supabase.decide((request) => (ofStorage(request) ? { status: 503 } : 'pass'));
    stack.gemini.release();

    await waitFor('every image to be refused three times', () => Math.min(...countUploads(calling)) >= 3);
    stack.supabase.passAll();

    await assertOneEach(calling);
  });

  it('is slower than a lease keeps nobody from being known to live', async (t) => {
    const calling = await startCalling(t, { leaseSeconds: 5 });
    const { stack, images } = calling;
    const uploads = holdRequests(stack.supabase, { ids: images.map(({ id }) => String(id)), of: 'upload' });
    stack.gemini.release();
    await uploads.arrived(IMAGES);
    // Somebody who would take over if the first worker seemed dead.
    await stack.startWorker();
    const from = performance.now();
    await waitFor('beats for longer than a lease', () => {
      const beats = stack.supabase.requests.filter(({ path }) => path.endsWith('/rpc/beat_worker'));
      return (beats.at(-1)?.at ?? 0) - from > stack.leaseMs * 1.2;
    });
    uploads.letGo();

    await assertOneEach(calling);
    assert.deepEqual(
      countUploads(calling),
      images.map(() => 1),
    );
  });

  it('has lost its bucket gets it back from a worker, and the images with it', async (t) => {
    const calling = await startCalling(t);
    const { stack } = calling;
    const { error } = await stack.base.supabase.storage.deleteBucket('generated-images');
    assert.equal(error, null);

    stack.gemini.release();

    await assertOneEach(calling);
    assert.ok(Math.max(...countUploads(calling)) > 1, 'no upload met a missing bucket');
  });
});
