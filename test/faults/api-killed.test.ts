import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

describe('an API that is killed', { concurrency: 2 }, () => {
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
