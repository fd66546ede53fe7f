import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ApiClient, createApiClient, IMAGES } from '../api/api-client.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type CollectedSpan, startTraceCollector, type TraceCollector } from '../support/trace-collector.ts';
import { waitFor } from '../support/wait-for.ts';

/** Stands in the prompts, and in nothing that is sent. */
const SECRET = 'a-secret-coffee-shop';
const ERROR_STATUS = 2;
const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

let collector: TraceCollector;
let stack: TestStack;
let api: ApiClient;
let token: string;
let unguessable: string;
const apiLog = createLogLines();
const workerLog = createLogLines();
before(async () => {
  collector = await startTraceCollector();
  stack = await startTestStack();
  const { url } = await stack.startApi(collector.env, apiLog.log);
  await stack.startWorker(collector.env, workerLog.log);
  token = (await stack.createUser()).token;
  api = createApiClient(url, token);
  unguessable = randomBytes(16).toString('hex');
  const { error } = await stack.supabase.storage
    .from('reference-images')
    .upload(`${unguessable}/a.png`, await plainPicture(16, 16), { contentType: 'image/png' });
  assert.equal(error, null);
});
after(async () => {
  await stack.stop();
  await collector.close();
});

const traceOf = (id: string) => {
  const attempt = collector.spans.find(({ attributes }) => attributes['darkroom.image_id'] === id);
  return collector.spans.filter(({ traceId }) => traceId === attempt?.traceId);
};
const named = (spans: CollectedSpan[], name: string) => {
  const found = spans.find((span) => span.name === name);
  assert.ok(found, `no span ${name} among ${spans.map((span) => span.name).join(', ')}`);
  return found;
};

/** Submits an image and waits until all of its trace has been collected: an attempt's span comes with its last. */
async function makeImage(prompt: string, fields = {}, headers = {}) {
  const { body } = await api.generate({ prompt: `${prompt} ${SECRET}`, ...fields }, headers);
  await collector.waitForSpan(
    `the attempt of ${body.id}`,
    (span) => span.attributes['darkroom.image_id'] === body.id,
  );
  await waitFor('the request to be collected', () =>
    traceOf(body.id).some((span) => span.name === 'POST /ai/generate'),
  );
  return { id: String(body.id), spans: traceOf(body.id) };
}

const modelOf = async (id: string): Promise<string> => (await api.read(id)).body.model;

describe('the trace of an image', () => {
  it('goes from the request through the row to the attempt, Gemini, Storage and Postgres', async () => {
    const { id, spans } = await makeImage('A quiet harbour', {
      reference_images: [`reference-images/${unguessable}/a.png`],
    });

    const request = named(spans, 'POST /ai/generate');
    const attempt = named(spans, 'process generations');
    assert.equal(request.parentSpanId, undefined);
    const chain: [string, CollectedSpan, number][] = [
      ['rpc submit_generations', request, KINDS.client],
      ['process generations', request, KINDS.consumer],
      ['rpc claim_generations', attempt, KINDS.client],
      ['storage download', attempt, KINDS.client],
      [`generate_content ${await modelOf(id)}`, attempt, KINDS.client],
      ['storage upload', attempt, KINDS.client],
      ['rpc complete_generations', attempt, KINDS.client],
    ];
    let before = 0n;
    for (const [name, parent, kind] of chain) {
      const span = named(spans, name);
      assert.deepEqual([name, span.parentSpanId, span.kind], [name, parent.spanId, kind]);
      assert.ok(BigInt(span.startTimeUnixNano) >= before, `${name} began before what led to it`);
      if (name !== 'process generations') before = BigInt(span.startTimeUnixNano) - 2_000_000n;
      assert.equal(span.service, parent === attempt || span === attempt ? 'darkroom-worker' : 'darkroom-api');
    }
    assert.deepEqual(
      spans.filter(({ status }) => status?.code === ERROR_STATUS),
      [],
    );
    assert.equal(request.kind, KINDS.server);
    const { attributes } = request;
    assert.deepEqual(
      [attributes['http.route'], attributes['http.response.status_code'], attributes['url.path']],
      ['/ai/generate', 202, '/ai/generate'],
    );
    assert.equal(attempt.attributes['darkroom.attempt'], 1);
    const [row] = await stack.sql('select traceparent from generated_images where id = $1', [id]);
    assert.equal(row?.traceparent, `00-${request.traceId}-${request.spanId}-01`);
  });

  it('leads through Redis: the request that had the job added says so', async () => {
    const added = () => collector.spans.filter(({ name }) => name === 'add generations');
    let { spans } = await makeImage('A quiet harbour');
    while (added().length === 0) ({ spans } = await makeImage('A second one')); // A worker may have been before.
    const { spanId } = named(spans, 'POST /ai/generate');
    assert.equal(named(spans, 'rpc release_generations').parentSpanId, spanId);
    assert.ok(added().some(({ kind }) => kind === KINDS.producer));
    assert.ok(added().every(({ attributes }) => attributes['messaging.destination.name'] === 'generations'));
  });

  it('tells what the call of the model used', async () => {
    const { id, spans } = await makeImage('A quiet harbour');

    const { attributes } = spans.find(({ name }) => name.startsWith('generate_content')) ?? {};
    const { body } = await api.read(id);
    assert.partialDeepStrictEqual(attributes, {
      'gen_ai.operation.name': 'generate_content',
      'gen_ai.provider.name': 'gcp.gemini',
      'gen_ai.request.model': body.model,
      'gen_ai.output.type': 'image',
      'gen_ai.usage.input_tokens': body.usage.input_tokens,
      'gen_ai.usage.output_tokens': body.usage.output_tokens,
    });
  });

  it('names our error code where the call failed, and on the attempt', async () => {
    const { id, spans } = await makeImage('[[sim:fault=prompt-blocked]]');

    for (const name of ['process generations', `generate_content ${await modelOf(id)}`]) {
      const { status, attributes } = named(spans, name);
      assert.deepEqual([status?.code, attributes['error.type']], [ERROR_STATUS, 'content_blocked'], name);
      assert.equal(status?.message, undefined);
    }
  });

  it('holds every attempt, by its number', async () => {
    const { id } = await makeImage('[[sim:fault=503,ok]]');

    const last = await collector.waitForSpan(
      'the second attempt',
      ({ attributes }) => attributes['darkroom.image_id'] === id && attributes['darkroom.attempt'] === 2,
    );
    const attempts = traceOf(id).filter(({ name }) => name === 'process generations');
    assert.deepEqual(
      attempts.map(({ attributes }) => [attributes['darkroom.attempt'], attributes['error.type']]),
      [
        [1, 'upstream_error'],
        [2, undefined],
      ],
    );
    assert.equal(last.parentSpanId, attempts[0]?.parentSpanId);
  });

  it('is named by the log lines that are written in it', async () => {
    const { id, spans } = await makeImage('A quiet harbour');
    const request = named(spans, 'POST /ai/generate');
    const attempt = named(spans, 'process generations');

    const line = (log: typeof apiLog, message: string, span: CollectedSpan) =>
      log.of(message).find((one) => one.trace_id === span.traceId && one.span_id === span.spanId);
    assert.ok(line(apiLog, 'request.answered', request));
    assert.equal(line(workerLog, 'generation.claimed', attempt)?.image_id, id);
    assert.equal(line(workerLog, 'generation.succeeded', attempt)?.image_id, id);
    assert.ok(!('trace_id' in (workerLog.of('worker.started')[0] ?? {})));
  });
});

describe('what is collected', () => {
  it('holds no prompt, token, key or address that opens something', async () => {
    await makeImage('[[sim:fault=prompt-blocked]]', {
      reference_images: [`reference-images/${unguessable}/a.png`],
    });
    await makeImage('A harbour', { reference_images: [`https://10.0.0.1/a.png?sig=${SECRET}`] });
    await api.get(`${IMAGES}?q=${SECRET}`);
    await api.get(`${IMAGES}?limit=${SECRET}`);
    await collector.waitForSpan(
      'the history',
      ({ attributes }) => attributes['http.response.status_code'] === 422,
    );

    const all = collector.sent.map(({ body }) => body.toString()).join('\n');
    for (const secret of [SECRET, token, unguessable, stack.serviceRoleKey, 'test-key', 'harbour']) {
      assert.ok(!all.includes(secret), `${secret.slice(0, 12)}… was sent`);
    }
  });

  it('is nothing that a process does by itself, and no question of health', async () => {
    await api.get('/healthz');
    await api.get('/readyz');
    await makeImage('A quiet harbour');

    const names = new Set(collector.spans.map(({ name }) => name));
    for (const name of ['rpc beat_worker', 'rpc list_lost_jobs', 'GET /healthz', 'GET /readyz']) {
      assert.ok(!names.has(name), name);
    }
    const roots = collector.spans.filter(({ parentSpanId }) => !parentSpanId);
    assert.deepEqual([...new Set(roots.map(({ kind }) => kind))], [KINDS.server]);
  });

  it('says of a refusal which it was', async () => {
    await api.read('0198b8a0-1111-7222-8333-444455556666');

    const span = await collector.waitForSpan(
      'the refusal',
      ({ attributes }) => attributes['darkroom.error_code'] === 'not_found',
    );
    assert.deepEqual(
      [span.name, span.attributes['http.response.status_code'], span.status?.code ?? 0],
      ['GET /ai/generated-images/:id', 404, 0],
    );
  });
});

it('requests that are written together share one call, linked with each of them', async () => {
  const submits = await Promise.all(
    Array.from({ length: 12 }, () => api.generate({ prompt: `${SECRET} together` })),
  );
  assert.ok(submits.every(({ status }) => status === 202));
  const requestIds = submits.map(({ headers }) => headers.get('request-id'));
  const requests = await Promise.all(
    requestIds.map((requestId) =>
      collector.waitForSpan(
        `the request ${requestId}`,
        ({ attributes }) => attributes['darkroom.request_id'] === requestId,
      ),
    ),
  );

  const calls = collector.spans.filter(({ name }) => name === 'rpc submit_generations');
  const served = requests.map((request) => {
    const own = calls.filter(({ parentSpanId }) => parentSpanId === request.spanId);
    const shared = calls.filter(({ links }) => links.some(({ spanId }) => spanId === request.spanId));
    const back = shared.filter((call) => request.links.some(({ spanId }) => spanId === call.spanId));
    return [own.length + shared.length, shared.length - back.length];
  });
  assert.deepEqual(
    served,
    requests.map(() => [1, 0]),
  );
  assert.ok(
    requests.some(({ links }) => links.length > 0),
    'none of them was written with another',
  );
});
