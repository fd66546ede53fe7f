import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, countWritten, createApiClient, type Json } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

describe('the options', () => {
  it('name only what a request may ask for', async () => {
    const { body: options } = await api.get('/ai/options');

    const model = options.default_model;
    const requests = [
      ...options.styles.map(({ id }: Json) => ({ style: id })),
      ...options.qualities.map(({ id }: Json) => ({ quality: id })),
      ...options.formats.map((format: string) => ({ format })),
      ...options.models.flatMap((one: Json) => [
        ...one.aspect_ratios.map((aspect_ratio: string) => ({ model: one.id, aspect_ratio })),
        ...Object.keys(one.estimated_cost_usd).map((resolution) => ({ model: one.id, resolution })),
      ]),
      { deadline_seconds: options.limits.deadline_seconds.max },
    ];
    for (const request of requests) {
      const answer = await api.generate({ model, prompt: 'A fox', ...request, dry_run: true });
      assert.equal(answer.status, 200, `${JSON.stringify(request)}: ${answer.text}`);
    }
  });

  it('are read again for nothing', async () => {
    const first = await api.get('/ai/options');

    const again = await api.get('/ai/options', { 'if-none-match': first.headers.get('etag') ?? '' });

    assert.deepEqual([again.status, again.text], [304, '']);
  });
});

describe('a dry run', () => {
  it('tells the price and the wait, and stores nothing', async () => {
    await api.submit();
    await api.submit();
    const before = await countWritten(stack);

    const answer = await api.generate({ prompt: 'A fox', quality: 'ultra', dry_run: true });

    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys(answer.body).sort(), [
      'dry_run',
      'estimated_cost_usd',
      'eta_seconds',
      'queue_position',
      'warnings',
    ]);
    assert.equal(answer.body.estimated_cost_usd, 0.113);
    assert.deepEqual(await countWritten(stack), before);
  });

  it('stands behind what the caller has waiting', async () => {
    // So that none of it goes out meanwhile.
    await stack.sql('select public.pause_generations(null, null, null)');
    const user = createApiClient((await stack.startApi()).url, (await stack.createUser()).token);
    for (let n = 0; n < 3; n++) await user.submit();

    const { body } = await user.generate({ prompt: 'A fox', dry_run: true });

    await stack.sql('select public.resume_generations(null, false)');
    assert.ok(body.queue_position === null || body.queue_position >= 4, String(body.queue_position));
  });

  it('is refused like the request itself', async () => {
    assertProblem(await api.generate({ prompt: '', dry_run: true }), 422, 'validation_failed');
  });

  it('uses up no Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'a-dry-run' };
    await api.generate({ prompt: 'A fox', dry_run: true }, headers);

    assert.equal((await api.generate({ prompt: 'A fox' }, headers)).status, 202);
  });
});
