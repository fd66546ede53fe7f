import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import type { DarkroomError } from '../../src/client/darkroom-error.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ApiClient, assertProblem, createApiClient } from './api-client.ts';

const SMALL = 'A harbour [[sim:bytes=1024]]';

let stack: TestStack;
let url: string;
let user: { id: string; token: string };
let api: ApiClient;
let client: DarkroomClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  user = await stack.createUser();
  api = createApiClient(url, user.token);
  client = createDarkroomClient({ baseUrl: url, token: user.token });
});
after(() => stack.stop());

const itemsOf = (count: number, fields: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ prompt: SMALL, custom_id: `row-${n}`, ...fields }));
const sendLines = (lines: string, query = '', headers: Record<string, string> = {}) =>
  api.send('POST', `/ai/batches${query}`, {
    body: lines,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  });
const post = (body: object) =>
  api.send('POST', '/ai/batches', {
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const toLines = (items: object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
const countRows = async () =>
  (await stack.sql<{ n: number }>('select count(*)::int as n from public.generated_images'))[0]?.n;

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}

describe('a batch', () => {
  it('is accepted whole, made by workers, and told with counts, cost and its images', async () => {
    const worker = await stack.startWorker();
    const batch = await client.batches.create({
      name: 'Autumn menu',
      defaults: { style: 'anime', metadata: { season: 'autumn' } },
      items: itemsOf(5, { aspect_ratio: '16:9' }),
      metadata: { project: 'menu' },
    });
    assert.partialDeepStrictEqual(batch, {
      name: 'Autumn menu',
      metadata: { project: 'menu' },
      counts: { total: 5 },
      parent_id: null,
      canceled_at: null,
    });

    const seen: number[] = [];
    const done = await client.batches.wait(batch.id, {
      onChange: ({ counts }) => seen.push(counts.succeeded),
    });

    assert.partialDeepStrictEqual(done, { status: 'completed', counts: { succeeded: 5, pending: 0 } });
    assert.ok(done.cost_usd > 0 && batch.estimated_cost_usd > 0);
    assert.equal(seen.at(-1), 5);
    const images = await collect(client.history({ batch_id: batch.id }));
    assert.deepEqual(
      images.map((image) => image.custom_id).toSorted(),
      itemsOf(5).map((item) => item.custom_id),
    );
    for (const image of images) {
      assert.partialDeepStrictEqual(image, {
        status: 'succeeded',
        style: 'anime',
        metadata: { season: 'autumn' },
      });
    }
    await waitFor(
      'the end of the batch',
      async () => (await client.batches.get(batch.id)).completed_at !== null,
    );
    await worker.stop();
  });

  it('comes as lines, too, and is listed', async () => {
    const batch = await client.batches.createFromLines(itemsOf(1_203), { name: 'Lines' });

    assert.partialDeepStrictEqual(batch, {
      name: 'Lines',
      status: 'pending',
      counts: { total: 1_203, pending: 1_203 },
    });
    const [newest] = await collect(client.batches.list());
    assert.equal(newest?.id, batch.id);
    await waitFor('all to be let in', async () => {
      const [row] = await stack.sql('select admitted_at from public.batches where id = $1', [batch.id]);
      return row?.admitted_at !== null;
    });
    await client.batches.cancel(batch.id);
  });

  it('that is only asked about stores nothing', async () => {
    const before = await countRows();

    const estimate = await client.batches.estimate(itemsOf(3));

    assert.deepEqual([estimate.images, estimate.estimated_cost_usd], [3, 0.1008]);
    assert.equal(await countRows(), before);
  });

  it('with mistakes is refused whole, and each of them is named by its place', async () => {
    const before = await countRows();
    const items = [
      { prompt: SMALL, custom_id: 'a' },
      { prompt: '', custom_id: 'a' },
      { prompt: SMALL, aspect_ratio: '7:3', dry_run: true },
      7,
    ];

    const json = await post({ defaults: { quality: 'best' }, items });
    const lines = await sendLines(toLines(items as object[]));

    assertProblem(json, 422, 'validation_failed');
    assert.deepEqual(
      json.body.errors.map((error: { pointer: string }) => error.pointer),
      [
        '/defaults/quality',
        '/items/1/custom_id',
        '/items/1/prompt',
        '/items/2/dry_run',
        '/items/2/aspect_ratio',
        '/items/3',
      ],
    );
    assertProblem(lines, 422, 'validation_failed');
    assert.deepEqual(
      lines.body.errors.map((error: { pointer: string }) => error.pointer),
      ['line 2/custom_id', 'line 2/prompt', 'line 3/dry_run', 'line 3/aspect_ratio', 'line 4'],
    );
    assert.equal(await countRows(), before);
  });

  it('with a mistake after a thousand lines shows nothing of what came before', async () => {
    const answer = await sendLines(`${toLines(itemsOf(1_500))}{"prompt": 5}\n`);

    assertProblem(answer, 422, 'validation_failed');
    assert.equal(answer.body.errors[0].pointer, 'line 1501/prompt');
    const shown = await collect(client.history({ status: ['pending'] }));
    assert.deepEqual(shown, []);
  });

  it('of lines that are none, too long, or no JSON is refused', async () => {
    assertProblem(await sendLines(''), 422, 'validation_failed');
    assertProblem(await sendLines('{"prompt":\n'), 400, 'malformed_json');
    assertProblem(await sendLines(`"${'x'.repeat(300_000)}"`), 413, 'payload_too_large');
    assertProblem(await post({ items: [] }), 422, 'validation_failed');
    const large = await sendLines(`{"prompt":\n${toLines(itemsOf(60_000))}`);
    assertProblem(large, 400, 'malformed_json');
    const many = itemsOf(1_001).map(({ prompt }) => ({ prompt }));
    assertProblem(await post({ items: many }), 422, 'validation_failed');
  });

  it('is made once for one Idempotency-Key, by however many twins, as JSON and as lines', async () => {
    for (const send of [
      (key: string, count: number) =>
        client.batches.create({ items: itemsOf(count) }, { idempotencyKey: key }),
      (key: string, count: number) => client.batches.createFromLines(itemsOf(count), { idempotencyKey: key }),
    ]) {
      const key = randomUUID();
      const twins = await Promise.all(Array.from({ length: 8 }, () => send(key, 2)));

      assert.equal(new Set(twins.map(({ id }) => id)).size, 1);
      await assert.rejects(send(key, 3), (error: DarkroomError) => error.code === 'idempotency_key_reused');
      await client.batches.cancel(twins[0]?.id ?? '');
    }
  });

  it('ends by a cancel, whatever its images are at, and is so for good', async () => {
    const worker = await stack.startWorker();
    const { id } = await client.batches.create({
      items: itemsOf(20, { prompt: 'A harbour [[sim:fault=hold:ok]]' }),
    });
    await waitFor('some to be made', async () => (await client.batches.get(id)).counts.processing > 0);

    const canceled = await client.batches.cancel(id);

    assert.equal(canceled.status, 'canceled');
    const ended = await client.batches.wait(id);
    assert.partialDeepStrictEqual(ended, { status: 'canceled', counts: { total: 20, canceled: 20 } });
    assert.equal((await client.batches.cancel(id)).canceled_at, ended.canceled_at);
    await worker.stop();
  });

  it('is made again as far as it failed', async () => {
    const worker = await stack.startWorker();
    const { id } = await client.batches.create({
      items: [{ prompt: SMALL }, { prompt: 'A harbour [[sim:fault=400-argument]]', custom_id: 'bad' }],
    });
    assert.partialDeepStrictEqual(await client.batches.wait(id), { counts: { succeeded: 1, failed: 1 } });

    const key = randomUUID();
    const [again, twin] = [
      await client.batches.retry(id, { idempotencyKey: key }),
      await client.batches.retry(id, { idempotencyKey: key }),
    ];

    assert.equal(again.id, twin.id);
    assert.partialDeepStrictEqual(again, { parent_id: id, counts: { total: 1 } });
    const [copy] = await collect(client.history({ batch_id: again.id }));
    assert.equal(copy?.custom_id, 'bad');
    assert.ok(copy?.parent_id);
    await client.batches.wait(again.id);
    await worker.stop();
  });

  it('in which nothing has failed is not made again, and leaves no empty batch', async () => {
    const { id } = await client.batches.create({ items: itemsOf(1) });
    const before = (await collect(client.batches.list())).length;

    for (const headers of [{}, { 'idempotency-key': randomUUID() }]) {
      const answer = await api.send('POST', `/ai/batches/${id}/retry`, { headers });

      assertProblem(answer, 422, 'validation_failed');
      assert.equal(answer.body.errors[0].code, 'nothing_to_retry');
    }
    assert.equal((await collect(client.batches.list())).length, before);
  });

  it('for which there is no room is refused whole', async () => {
    await stack.sql('update public.settings set max_pending = 3');
    const before = (await collect(client.batches.list())).length;

    const answer = await post({ items: itemsOf(4) });

    assertProblem(answer, 429, 'queue_full');
    assert.equal((await collect(client.batches.list())).length, before);
    await stack.sql('update public.settings set max_pending = default');
  });
});
