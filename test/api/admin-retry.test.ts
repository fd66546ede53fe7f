import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type AdminImages, startAdminImages } from './admin-images.ts';
import { type Json, pointersOf } from './api-client.ts';

let at: AdminImages;
before(async () => {
  at = await startAdminImages();
});
after(() => at.stack.stop());
beforeEach(() => at.clear());

/** As if their worker had reported it; nobody is at work on them. */
const failAll = (code = 'internal') =>
  at.stack.sql(
    `update public.generated_images set status = 'failed', completed_at = now(), error_code = $1,
       error = jsonb_build_object('code', $1::text, 'message', 'It broke.', 'retryable', true)
     where status = 'pending'`,
    [code],
  );
describe('retrying', () => {
  it('makes copies that are their owners’, that are then made', async () => {
    const [image] = await at.submitMany(at.user, 1);
    await failAll();

    const { body } = await at.post('retry-failed', { codes: ['internal'] });

    assert.deepEqual(body, { images: 1, estimated_cost_usd: 0.0336, dry_run: false, complete: true });
    const { items } = (await at.user.api.history(`?root_id=${image.id}`)).body;
    const copy = items.find(({ parent_id }: Json) => parent_id === image.id);
    assert.deepEqual([copy.status, copy.prompt, copy.root_id], ['pending', image.prompt, image.id]);
    const worker = await at.stack.startWorker();
    assert.equal((await waitForEnd(at.url, copy.id, at.user.token)).status, 'succeeded');
    assert.equal((await at.user.api.read(image.id)).body.status, 'failed');
    await worker.stop();
  });

  it('says beforehand what it would come to, and does nothing then', async () => {
    await at.submitMany(at.user, 3);
    await failAll();

    const { body } = await at.post('retry-failed', { dry_run: true });

    assert.deepEqual(body, { images: 3, estimated_cost_usd: 0.1008, dry_run: true, complete: true });
    assert.deepEqual(await at.statuses(), { failed: 3 });
  });

  it('asked again, and by many at once, it makes no second copy', async () => {
    await at.submitMany(at.user, 6);
    await failAll();

    const answers = await Promise.all([1, 2, 3, 4].map(() => at.post('retry-failed', {})));

    const images = answers.map(({ body }) => body.images);
    assert.equal(
      images.reduce((sum, n) => sum + n, 0),
      6,
    );
    assert.equal((await at.post('retry-failed', {})).body.images, 0);
    assert.deepEqual(await at.statuses(), { failed: 6, pending: 6 });
  });

  it('stops at its limit and says that there may be more', async () => {
    await at.submitMany(at.user, 5);
    await failAll();

    const answers = [
      await at.post('retry-failed', { limit: 3 }),
      await at.post('retry-failed', { limit: 3 }),
    ];

    assert.deepEqual(
      answers.map(({ body }) => [body.images, body.complete]),
      [
        [3, false],
        [2, true],
      ],
    );
  });

  it('goes through more than one page', async () => {
    await at.submitMany(at.user, 1);
    await failAll();
    await at.stack.sql(`insert into public.generated_images
      (id, user_id, prompt, full_prompt, status, completed_at, error_code, error, model, lane_key, estimated_cost_usd,
       deadline_at, root_id)
      select gen_random_uuid(), user_id, prompt, full_prompt, status, completed_at, error_code, error, model, lane_key,
        estimated_cost_usd, deadline_at, root_id from public.generated_images, generate_series(1, 1200)`);

    const { body } = await at.post('retry-failed', { limit: 10_000 });

    assert.deepEqual([body.images, body.complete, body.estimated_cost_usd], [1201, true, 40.3536]);
  });

  it('chooses by code, time, model and user; a refused prompt only when asked', async () => {
    await at.submitMany(at.user, 1);
    await failAll('content_blocked');
    await at.submitMany(at.other, 2);
    await failAll('misconfigured');
    await at.submitMany(at.user, 4);
    await failAll('upstream_error');
    await at.stack.sql(`update public.generated_images set completed_at = now() - interval '2 days'
      where error_code = 'upstream_error'`);
    const day = (n: number) => new Date(Date.now() - n * 86_400_000).toISOString();

    const counts = [];
    for (const filter of [
      {},
      { since: day(3) },
      { since: day(3), until: day(1) },
      { codes: ['content_blocked'] },
      { since: day(3), user_id: at.user.id.toUpperCase() },
      { model: 'gemini-3-pro-image' },
    ]) {
      counts.push((await at.post('retry-failed', { ...filter, dry_run: true })).body.images);
    }

    assert.deepEqual(counts, [2, 6, 4, 1, 4, 0]);
  });

  it('refuses what it does not know', async () => {
    const body = { codes: ['no_such_code'], since: 'yesterday', limit: 0, user_id: 'me' };

    assert.deepEqual(pointersOf(await at.post('retry-failed', body)), [
      '/codes/0',
      '/limit',
      '/since',
      '/user_id',
    ]);
  });

  it('is logged with what it did and who asked', async () => {
    await at.post('retry-failed', { codes: ['internal'], limit: 7 });

    const line = await at.log.line('images.retried');
    assert.partialDeepStrictEqual(line, { codes: ['internal'], limit: 7, images: 0 });
    assert.ok(line.request_id && line.address);
  });
});
