import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFaultStack } from '../faults/fault-stack.ts';
import { assertInvariants } from '../faults/invariants.ts';
import { startTraceCollector, type TraceCollector } from '../support/trace-collector.ts';
import { waitFor } from '../support/wait-for.ts';

/** As long as nobody hurries it, nothing is sent before a process ends. */
const LATE = { OTEL_BSP_SCHEDULE_DELAY: '600000' };
const GRACE_MS = 3_000;

async function startCollector(t: { after(cleanup: () => Promise<void>): void }): Promise<TraceCollector> {
  const collector = await startTraceCollector();
  t.after(collector.close);
  return collector;
}

describe('traces of real processes', { concurrency: 2 }, () => {
  it('a job whose worker is killed in its call stays in the trace of its request', async (t) => {
    const stack = await startFaultStack(t);
    const collector = await startCollector(t);
    await stack.startApi(collector.env);
    const victim = await stack.startWorker(collector.env);
    const image = await stack.submit('[[sim:fault=hold:ok,ok]]');
    await stack.gemini.waitForCall(image.key);

    await victim.kill();
    await stack.startWorker(collector.env);

    const [row] = await stack.waitForEnd(image);
    const attempt = await collector.waitForSpan(
      'the second attempt',
      ({ name, attributes }) =>
        name === 'process generations' && attributes['darkroom.image_id'] === image.id,
    );
    const request = await collector.waitForSpan('the request', ({ name }) => name === 'POST /ai/generate');
    assert.equal(row?.status, 'succeeded');
    assert.deepEqual(
      [attempt.traceId, attempt.parentSpanId, attempt.attributes['darkroom.attempt']],
      [request.traceId, request.spanId, 2],
    );
    await assertInvariants(stack);
  });

  it('what has not been sent is sent when a process leaves', async (t) => {
    const stack = await startFaultStack(t);
    const collector = await startCollector(t);
    const env = { ...collector.env, ...LATE };
    const [api, worker] = await Promise.all([stack.startApi(env), stack.startWorker(env)]);
    await stack.waitForEnd(await stack.submit());
    assert.equal(collector.sent.length, 0);

    const ends = await Promise.all([api.terminate(), worker.terminate()]);

    assert.deepEqual(
      ends.map(({ code }) => code),
      [0, 0],
    );
    const names = collector.spans.map(({ name }) => name);
    assert.ok(names.includes('POST /ai/generate') && names.includes('process generations'), String(names));
  });

  const troubles: [string, (collector: TraceCollector) => Promise<void> | void][] = [
    ['hangs', (collector) => collector.answerWith('hang')],
    ['refuses connections', (collector) => collector.close()],
    ['answers 503', (collector) => collector.answerWith(503)],
    ['answers 401', (collector) => collector.answerWith(401)],
  ];
  for (const [trouble, make] of troubles) {
    it(`a collector that ${trouble} keeps nobody from anything`, async (t) => {
      const stack = await startFaultStack(t);
      const collector = await startCollector(t);
      await make(collector);
      const env = { ...collector.env, OTEL_EXPORTER_OTLP_TIMEOUT: '60000' };
      const [api, worker] = await Promise.all([stack.startApi(env), stack.startWorker(env)]);

      const rows = await stack.waitForEnd(...(await stack.submitMany(8)));

      assert.deepEqual(
        rows.map(({ status }) => status),
        rows.map(() => 'succeeded'),
      );
      const from = performance.now();
      const ends = await Promise.all([api.terminate(), worker.terminate()]);
      const ms = performance.now() - from;
      assert.deepEqual(
        ends.map(({ code }) => code),
        [0, 0],
      );
      assert.ok(ms < GRACE_MS + 2_000, `they took ${Math.round(ms)} ms to leave`);
      for (const { lines } of [api, worker]) {
        assert.ok(lines.some(({ msg }) => msg === 'traces.given_up' || msg === 'traces.not_sent'));
        assert.ok(lines.every(({ level }) => String(level) !== 'error'));
      }
      await assertInvariants(stack);
    });
  }

  it('a collector that is away is told of once, and once when it is back', async (t) => {
    const stack = await startFaultStack(t);
    const collector = await startCollector(t);
    collector.answerWith(400);
    const api = await stack.startApi(collector.env);
    const { length } = collector.sent;
    await stack.submit();
    await waitFor('two sendings', async () => {
      await stack.submit();
      return collector.sent.length > length + 2;
    });

    collector.answerWith(200);
    await stack.submit();
    await api.waitForLine('traces.sent_again');

    assert.equal(api.lines.filter(({ msg }) => msg === 'traces.not_sent').length, 1);
  });
});
