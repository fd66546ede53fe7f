import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { DarkroomError } from '../../src/client/darkroom-error.ts';
import { firstTimes, startFaultProxy } from '../support/fault-proxy.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const SMALL = 'A harbour [[sim:bytes=1024]]';

let stack: TestStack;
let url: string;
let token: string;
let client: DarkroomClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  ({ token } = await stack.createUser());
  client = createDarkroomClient({ baseUrl: url, token });
  await stack.startWorker();
});
after(() => stack.stop());

async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}

const refusalOf = async (promise: Promise<unknown>): Promise<DarkroomError> => {
  const error = await promise.then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DarkroomError, String(error));
  return error;
};

describe('the client', () => {
  it('submits, waits and reads', async () => {
    const seen: string[] = [];

    const submitted = await client.submit({ prompt: SMALL, metadata: { row: '17' } });
    const made = await client.wait(submitted.id, { onChange: ({ status }) => seen.push(status) });

    assert.deepEqual([made.status, made.metadata], ['succeeded', { row: '17' }]);
    assert.equal(seen.at(-1), 'succeeded');
    assert.deepEqual((await client.get(submitted.id)).image_url, made.image_url);
  });

  it('walks through all of history, page by page, by filter', async () => {
    const project = randomUUID();
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push((await client.submit({ prompt: SMALL, metadata: { project } })).id);
    await client.submit({ prompt: SMALL });

    const found = await collect(client.history({ metadata: { project }, limit: 2 }));

    assert.deepEqual(
      found.map(({ id }) => id),
      ids.toReversed(),
    );
    const some = await collect(client.history({ ids: ids.slice(0, 2), order: 'asc' }));
    assert.deepEqual(
      some.map(({ id }) => id),
      ids.slice(0, 2),
    );
  });

  it('cancels, makes again and deletes', async () => {
    const held = await client.submit({ prompt: `A harbour [[sim:key=${randomUUID()}; fault=hold:ok]]` });
    await client.cancel(held.id);
    assert.equal((await client.wait(held.id)).status, 'canceled');

    const again = await client.regenerate(held.id, { prompt: SMALL });
    assert.deepEqual([again.parent_id, (await client.wait(again.id)).status], [held.id, 'succeeded']);

    await client.delete(again.id);
    assert.equal((await refusalOf(client.get(again.id))).code, 'gone');
  });

  it('manages datasets, whose brand and images go into what is made', async () => {
    const { datasets } = client;
    const picture = new Blob([new Uint8Array(await plainPicture(8, 8))]);
    const { id } = await datasets.create({ name: 'Coffee', brand: 'Coffee Co.' });
    const { images } = await datasets.addImages(id, [picture, picture]);
    await datasets.setLogo(id, picture);
    await datasets.removeImage(id, images[0]?.id ?? '');
    await datasets.update(id, { brand: 'Tea Co.' });

    const found = (await collect(datasets.list())).find((one) => one.id === id);
    const image = await client.submit({ prompt: SMALL, dataset_id: id });

    assert.deepEqual([found?.brand, found?.images.length, found?.logo_url !== null], ['Tea Co.', 1, true]);
    assert.match(image.prompt_used, /^Brand: Tea Co\./);
    assert.equal(image.reference_images_count, 1);
    await datasets.removeLogo(id);
    assert.equal((await datasets.get(id)).logo_url, null);
    await datasets.delete(id);
    assert.equal((await refusalOf(datasets.get(id))).code, 'not_found');
  });

  it('makes, lists and deletes API keys, which act as their user', async () => {
    const { secret, ...key } = await client.apiKeys.create({ name: 'nightly' });
    const byKey = createDarkroomClient({ baseUrl: url, token: secret });

    const { id } = await byKey.submit({ prompt: SMALL });

    assert.equal((await client.get(id)).id, id);
    assert.ok((await client.apiKeys.list()).some(({ hint }) => hint === key.hint));
    await client.apiKeys.delete(key.id);
    assert.ok(!(await client.apiKeys.list()).some((one) => one.id === key.id));
  });

  it('tells what may be asked for', async () => {
    const options = await client.options();

    assert.ok(options.models.some(({ id }) => id === options.default_model));
  });

  it('tells what an image would cost, and makes none', async () => {
    const project = randomUUID();
    const request = { prompt: SMALL, quality: 'ultra', metadata: { project } } as const;

    const estimate = await client.estimate(request);

    assert.deepEqual([estimate.dry_run, estimate.estimated_cost_usd], [true, 0.113]);
    assert.deepEqual(await collect(client.history({ metadata: { project } })), []);
  });

  it('rejects with what was refused', async () => {
    const refusal = await refusalOf(client.submit({ prompt: '', quality: 'best' as 'high' }));

    assert.deepEqual([refusal.status, refusal.code, refusal.retryable], [422, 'validation_failed', false]);
    assert.deepEqual(refusal.errors.map(({ pointer }) => pointer).sort(), ['/prompt', '/quality']);
    assert.notEqual(refusal.requestId, null);
  });

  it('asks for a fresh token each time', async () => {
    const tokens = ['expired', token];
    const fresh = createDarkroomClient({ baseUrl: url, token: () => tokens.shift() });

    assert.equal((await refusalOf(fresh.submit({ prompt: SMALL }))).code, 'unauthorized');
    assert.equal((await fresh.submit({ prompt: SMALL })).status, 'pending');
  });
});

describe('a client whose connection breaks', () => {
  it('submits once, however often it has to send it', async () => {
    const proxy = await startFaultProxy(url);
    proxy.decide(firstTimes(3, ({ method }) => method === 'POST', 'lose'));
    const shaky = createDarkroomClient({ baseUrl: proxy.url, token });
    const project = randomUUID();

    const { id } = await shaky.submit({ prompt: SMALL, metadata: { project } });

    assert.equal(proxy.requests.length, 4);
    const found = await collect(client.history({ metadata: { project } }));
    assert.deepEqual(
      found.map((record) => record.id),
      [id],
    );
    await proxy.close();
  });

  it('has deleted what is no longer there when it asks again', async () => {
    const proxy = await startFaultProxy(url);
    const shaky = createDarkroomClient({ baseUrl: proxy.url, token });
    const { id } = await client.datasets.create({ name: 'Coffee' });
    proxy.decide(firstTimes(1, ({ method }) => method === 'DELETE', 'lose'));

    await shaky.datasets.delete(id);

    assert.equal(proxy.requests.length, 2);
    assert.equal((await refusalOf(shaky.datasets.delete(id))).code, 'not_found');
    await proxy.close();
  });

  it('goes on waiting where it was', async () => {
    const proxy = await startFaultProxy(url);
    const shaky = createDarkroomClient({ baseUrl: proxy.url, token });
    const key = randomUUID();
    const { id } = await shaky.submit({ prompt: `A harbour [[sim:bytes=1024; key=${key}; fault=hold:ok]]` });
    await stack.gemini.control.waitForCall(key);
    proxy.decide(firstTimes(3, () => true, 'cut'));

    const waiting = shaky.wait(id);
    stack.gemini.control.release(key);

    assert.equal((await waiting).status, 'succeeded');
    await proxy.close();
  });

  it('waits as long as a refusal says', async () => {
    const proxy = await startFaultProxy(url);
    const body = JSON.stringify({
      code: 'rate_limited',
      retryable: true,
      retry_after_seconds: 1,
      detail: '',
    });
    proxy.decide(firstTimes(1, () => true, { status: 429, body }));
    const limited = createDarkroomClient({ baseUrl: proxy.url, token });

    await limited.submit({ prompt: SMALL });

    const [first, second] = proxy.requests;
    assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 900);
    await proxy.close();
  });

  it('gives up after its time, or when it is told to', async () => {
    const nobody = createDarkroomClient({ baseUrl: 'http://127.0.0.1:1' });

    await assert.rejects(nobody.submit({ prompt: SMALL }, { retryForMs: 300 }), TypeError);
    const reason = new Error('enough');
    await assert.rejects(nobody.wait(randomUUID(), { signal: AbortSignal.abort(reason) }), reason);
    const later = new AbortController();
    const waiting = nobody.wait(randomUUID(), { signal: later.signal });
    setImmediate(() => later.abort(reason));
    await assert.rejects(waiting, reason);
  });
});
