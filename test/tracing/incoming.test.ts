import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { startTraceCollector, type TraceCollector } from '../support/trace-collector.ts';

let collector: TraceCollector;
let stack: TestStack;
before(async () => {
  collector = await startTraceCollector();
  stack = await startTestStack();
});
after(async () => {
  await stack.stop();
  await collector.close();
});

const newIds = () => ({ trace: randomBytes(16).toString('hex'), span: randomBytes(8).toString('hex') });

/** An API that is stopped has sent its spans: what is not there by then was not sampled. */
function createCaller(url: string) {
  const send = async (headers: Record<string, string>): Promise<string> => {
    const requestId = randomUUID();
    await fetch(`${url}/ai/options`, { headers: { ...headers, 'request-id': requestId } });
    return requestId;
  };
  const spanOf = (requestId: string) =>
    collector.spans.find(({ attributes }) => attributes['darkroom.request_id'] === requestId);
  return {
    send,
    spanOf,
    async trace(headers: Record<string, string>) {
      const requestId = await send(headers);
      return collector.waitForSpan(
        'the request',
        ({ attributes }) => attributes['darkroom.request_id'] === requestId,
      );
    },
  };
}

describe('a traceparent that a caller sends', () => {
  let api: Awaited<ReturnType<TestStack['startApi']>>;
  let caller: ReturnType<typeof createCaller>;
  before(async () => {
    api = await stack.startApi(collector.env);
    caller = createCaller(api.url);
  });

  it('is gone on from, with its tracestate', async () => {
    const { trace, span } = newIds();

    const request = await caller.trace({
      traceparent: `00-${trace}-${span}-01`,
      tracestate: 'vendor=opaque,other=1',
    });

    assert.deepEqual(
      [request.traceId, request.parentSpanId, request.traceState],
      [trace, span, 'vendor=opaque,other=1'],
    );
  });

  it('of a version to come is read as far as it is known', async () => {
    const { trace, span } = newIds();

    const request = await caller.trace({ traceparent: `cc-${trace}-${span}-01-what-the-future-holds` });

    assert.deepEqual([request.traceId, request.parentSpanId], [trace, span]);
  });

  it('with an unreadable tracestate is gone on from without it', async () => {
    const { trace, span } = newIds();

    const request = await caller.trace({ traceparent: `00-${trace}-${span}-01`, tracestate: '=,@@,' });

    assert.deepEqual([request.traceId, request.traceState || undefined], [trace, undefined]);
  });

  const { trace, span } = newIds();
  for (const traceparent of [
    'nonsense',
    `00-${trace}-${span}`,
    `00-${trace}-${span}-01-more`,
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}A-${span}-01`,
    `00-${trace}-${span}-01, 00-${trace}-${span}-01`,
    'x'.repeat(8_000),
  ]) {
    it(`is ignored when it is ${traceparent.slice(0, 80)}`, async () => {
      const request = await caller.trace({ traceparent });

      assert.equal(request.parentSpanId, undefined);
      assert.notEqual(request.traceId, trace);
    });
  }

  it('can leave the request out of what is collected', async () => {
    const { trace: id, span: parent } = newIds();

    const left = await caller.send({ traceparent: `00-${id}-${parent}-00` });
    await api.stop();

    assert.equal(caller.spanOf(left), undefined);
  });
});

describe('with a sampler that does not ask callers', () => {
  it('none of them gets into what is collected by asking, whatever id they choose', async () => {
    const env = { ...collector.env, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
    const api = await stack.startApi(env);
    const asking = createCaller(api.url);
    // The lowest of ids, which any ratio but none at all takes.
    const asked = await asking.send({ traceparent: `00-${'0'.repeat(31)}1-${newIds().span}-01` });
    await api.stop();

    assert.equal(asking.spanOf(asked), undefined);
  });

  it('a ratio is a ratio, also of requests that all have one id', async () => {
    const env = { ...collector.env, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
    const api = await stack.startApi(env);
    const some = createCaller(api.url);
    const { trace, span } = newIds();

    const sent: string[] = [];
    for (let n = 0; n < 64; n += 1) sent.push(await some.send({ traceparent: `00-${trace}-${span}-01` }));
    await api.stop();

    const sampled = sent.filter((requestId) => some.spanOf(requestId)).length;
    assert.ok(sampled > 0 && sampled < 64, `${sampled} of 64`);
  });

  it('all of a trace is left out when its beginning is, and its row says so', async () => {
    const env = { ...collector.env, OTEL_TRACES_SAMPLER: 'always_off' };
    const api = await stack.startApi(env);
    const worker = await stack.startWorker({ ...collector.env, OTEL_TRACES_SAMPLER: 'always_on' });

    const answer = await fetch(`${api.url}/ai/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=20' },
      body: JSON.stringify({ prompt: 'A quiet harbour' }),
    });
    const { id, status } = (await answer.json()) as { id: string; status: string };
    await Promise.all([api.stop(), worker.stop()]);

    assert.equal(status, 'succeeded');
    const [row] = await stack.sql('select traceparent from generated_images where id = $1', [id]);
    assert.match(row?.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.ok(!collector.spans.some(({ attributes }) => attributes['darkroom.image_id'] === id));
  });
});
