import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { waitFor } from '../support/wait-for.ts';
import { startFaultStack } from './fault-stack.ts';
import { startHalfWay } from './half-way.ts';
import { assertInvariants } from './invariants.ts';

describe('an API that is killed', { concurrency: 3 }, () => {
  it('after its insert has accepted the images, each of which is made once', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startWorker();
    const api = await stack.startApi({ FAILPOINTS: 'api.after_insert*3' });

    const images = await stack.submitMany(3);

    assert.equal((await api.ended).signal, 'SIGKILL');
    assert.ok(images.some(({ status }) => status === null));
    const rows = await stack.waitForEnd(...images);
    assert.deepEqual(
      rows.map(({ status }, index) => [status, stack.gemini.callsOf(images[index]?.key ?? '').started]),
      images.map(() => ['succeeded', 1]),
    );
    await assertInvariants(stack);
  });

  it('with rows released that Redis never heard of leaves them to the workers', async (t) => {
    const stack = await startFaultStack(t);
    const api = await stack.startApi({ FAILPOINTS: 'release.before_enqueue' });

    const image = await stack.submit();

    assert.equal((await api.ended).signal, 'SIGKILL');
    const { released_at: releasedAt, status } = await image.row();
    assert.deepEqual([releasedAt === null, status, await stack.monitor.jobs()], [false, 'pending', 0]);
    await stack.startWorker();
    const [row] = await stack.waitForEnd(image);
    assert.deepEqual([row?.status, stack.gemini.callsOf(image.key).started], ['succeeded', 1]);
    await assertInvariants(stack);
  });

  it('with its answer still to give has made the image that the repeated request gets', async (t) => {
    const stack = await startFaultStack(t);
    await stack.startWorker();
    const api = await stack.startApi({ FAILPOINTS: 'api.before_answer' });
    const key = randomUUID();
    const asWhat = { key, headers: { 'idempotency-key': key } };

    const first = await stack.submit('[[sim:fault=hold:ok]]', asWhat);

    assert.match(api.stderr(), /died at api\.before_answer/);
    assert.deepEqual([(await api.ended).signal, first.status], ['SIGKILL', null]);
    await stack.gemini.waitForCall(key);
    await stack.startApi();
    const again = await stack.submit('[[sim:fault=hold:ok]]', asWhat);
    stack.gemini.release(key);
    const [row] = await stack.waitForEnd(again);
    assert.deepEqual([again.status, again.id, row?.status], [202, row?.id, 'succeeded']);
    assert.equal((await stack.base.sql('select 1 from public.generated_images')).length, 1);
    assert.equal(stack.gemini.callsOf(key).started, 1);
    await assertInvariants(stack);
  });

  it('with half of a release in Redis leaves the other half to the workers, which make each image once', async (t) => {
    const stack = await startFaultStack(t);
    const halfWay = await startHalfWay(t, stack.env.REDIS_URL ?? '', 2);
    const api = await stack.startApi({ REDIS_URL: halfWay.url });
    // Rows gather behind the pause, so that one release hands out several.
    await stack.base.sql(
      `insert into public.pauses (scope, until) values ('operator', now() + interval '1 hour')`,
    );
    const images = await stack.submitMany(4);
    await stack.base.sql('delete from public.pauses');

    images.push(await stack.submit());
    await halfWay.cut;
    await waitFor('half of the jobs', async () => (await stack.monitor.jobs()) === 2);
    await api.kill();

    const out = 'select 1 from public.generated_images where released_at is not null';
    assert.deepEqual([(await stack.base.sql(out)).length, await stack.monitor.jobs()], [4, 2]);
    await Promise.all([stack.startApi(), stack.startWorker()]);
    const rows = await stack.waitForEnd(...images);
    assert.deepEqual(
      rows.map(({ status }, index) => [status, stack.gemini.callsOf(images[index]?.key ?? '').started]),
      images.map(() => ['succeeded', 1]),
    );
    await waitFor('Redis to be empty', async () => (await stack.monitor.jobs()) === 0);
    await assertInvariants(stack);
  });

  it('is no worse when it is a worker that dies with rows released', async (t) => {
    const stack = await startFaultStack(t);
    const api = await stack.startApi();
    const victim = await stack.startWorker({ FAILPOINTS: 'release.before_enqueue' });
    // The pause and the API's death leave the release to the worker's timer.
    await stack.base.sql(
      `insert into public.pauses (scope, until) values ('operator', now() + interval '1 hour')`,
    );
    const image = await stack.submit();
    await api.kill();
    await stack.base.sql('delete from public.pauses');

    assert.equal((await victim.ended).signal, 'SIGKILL');
    await stack.startWorker();

    const [row] = await stack.waitForEnd(image);
    assert.deepEqual([row?.status, stack.gemini.callsOf(image.key).started], ['succeeded', 1]);
    await assertInvariants(stack);
  });
});
