import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type AdminImages, startAdminImages } from './admin-images.ts';
import { pointersOf } from './api-client.ts';

let at: AdminImages;
before(async () => {
  at = await startAdminImages();
});
after(() => at.stack.stop());
beforeEach(() => at.clear());

describe('purging', () => {
  it('cancels one user’s pending images, and those who wait for them hear of it', async () => {
    const [waiting] = await at.submitMany(at.user, 3);
    await at.submitMany(at.other, 2);
    const read = await at.user.api.read(waiting.id);
    const headers = { prefer: 'wait=30', 'if-none-match': read.headers.get('etag') ?? '' };
    const waited = at.user.api.get(`/ai/generated-images/${waiting.id}`, headers);

    const { body } = await at.post('purge', { user_id: at.user.id });

    assert.deepEqual(body, { images: 3, dry_run: false, complete: true });
    assert.deepEqual(await at.statuses(), { canceled: 3, pending: 2 });
    assert.equal((await waited).body.status, 'canceled');
    const [events] = await at.stack.sql(
      `select count(*)::integer as n from public.generation_events where to_status = 'canceled'`,
    );
    assert.equal(events?.n, 3);
  });

  it('leaves alone what a worker is making', async () => {
    const key = 'held-by-purge';
    const worker = await at.stack.startWorker();
    const made = await at.user.api.submit({
      prompt: `A harbour [[sim:bytes=1024; key=${key}; fault=hold:ok]]`,
    });
    await at.stack.gemini.control.waitForCall(key);

    const { body } = await at.post('purge', { all: true });
    at.stack.gemini.control.release(key);

    assert.equal(body.images, 0);
    assert.equal((await waitForEnd(at.url, made.id, at.user.token)).status, 'succeeded');
    await worker.stop();
  });

  it('of everybody has to be said, and can be counted first', async () => {
    await at.submitMany(at.user, 2);
    await at.submitMany(at.other, 1);
    const refused = [await at.post('purge', {}), await at.post('purge', { all: true, user_id: at.user.id })];
    const counted = await at.post('purge', { all: true, dry_run: true });
    const before = await at.statuses();

    const { body } = await at.post('purge', { all: true });

    assert.deepEqual(refused.map(pointersOf), [['/user_id'], ['/user_id']]);
    assert.deepEqual(counted.body, { images: 3, dry_run: true, complete: true });
    assert.deepEqual([before, body.images], [{ pending: 3 }, 3]);
  });

  it('chooses by age and model', async () => {
    const [old] = await at.submitMany(at.user, 1);
    await at.user.api.submit({ model: 'gemini-3-pro-image' });
    await at.stack.sql(
      `update public.generated_images set created_at = now() - interval '1 hour' where id = $1`,
      [old.id],
    );

    const byModel = await at.post('purge', { all: true, model: 'gemini-2.5-flash-image' });
    const byAge = await at.post('purge', {
      user_id: at.user.id,
      created_before: new Date(Date.now() - 60_000).toISOString(),
    });

    assert.deepEqual([byModel.body.images, byAge.body.images], [0, 1]);
    assert.equal((await at.user.api.read(old.id)).body.status, 'canceled');
  });

  it('goes through more than one page, and says what it could not change', async () => {
    await at.submitMany(at.user, 1);
    await at.stack.sql(`insert into public.generated_images
      (id, user_id, prompt, full_prompt, status, completed_at, model, lane_key, deadline_at, root_id, not_before)
      select gen_random_uuid(), user_id, prompt, full_prompt, status, null, model, lane_key, deadline_at, root_id,
        now() + interval '1 hour' from public.generated_images, generate_series(1, 1200)`);
    const [held] = await at.stack.sql<{ id: string }>(
      'select id from public.generated_images order by id limit 1',
    );
    const letGo = await at.stack.holdOpen('select from public.generated_images where id = $1 for update', [
      held?.id,
    ]);

    const first = await at.post('purge', { all: true });
    await letGo();
    const second = await at.post('purge', { all: true });

    assert.deepEqual([first.body.images, first.body.complete], [1200, false]);
    assert.deepEqual([second.body.images, second.body.complete], [1, true]);
  });

  it('is logged with what it did and who asked', async () => {
    await at.submitMany(at.user, 1);
    await at.post('purge', { user_id: at.user.id });

    const line = await at.log.line('images.purged');
    assert.partialDeepStrictEqual(line, { laneKey: `user:${at.user.id}`, images: 1 });
    assert.ok(line.request_id && line.address);
  });
});
