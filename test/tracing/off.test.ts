import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { traceRpc } from '../../src/shared/trace-connections.ts';
import { NO_TRACING } from '../../src/shared/tracing.ts';
import { type FaultStack, startFaultStack } from '../faults/fault-stack.ts';
import { startTraceCollector } from '../support/trace-collector.ts';

const TELLING = { NODE_OPTIONS: `--import=${new URL('../support/tell-loaded.ts', import.meta.url).href}` };

/** Has an image made by an API and a worker of this environment, and returns what both have loaded. */
async function loadedBy(stack: FaultStack, env: Record<string, string>): Promise<string[]> {
  const processes = await Promise.all([
    stack.startApi({ ...TELLING, ...env }),
    stack.startWorker({ ...TELLING, ...env }),
  ]);
  const [row] = await stack.waitForEnd(await stack.submit());
  assert.equal(row?.status, 'succeeded');
  await Promise.all(processes.map((one) => one.terminate()));
  return processes.map((one) => one.stderr());
}

describe('without an exporter', { concurrency: 2 }, () => {
  const unset: [string, Record<string, string>][] = [
    ['nothing is set', {}],
    [
      'the exporter is none',
      { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    ],
    ['the SDK is disabled', { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
  ];
  for (const [when, env] of unset) {
    it(`no SDK of OpenTelemetry is loaded: ${when}`, async (t) => {
      const stack = await startFaultStack(t);

      assert.deepEqual(await loadedBy(stack, env), ['', '']);

      const rows = await stack.base.sql('select traceparent from public.generated_images');
      assert.deepEqual(rows, [{ traceparent: null }]);
    });
  }

  it('and with one it is, so that this test would tell', async (t) => {
    const stack = await startFaultStack(t);
    const collector = await startTraceCollector();
    t.after(collector.close);

    for (const stderr of await loadedBy(stack, collector.env)) {
      assert.match(stderr, /loaded .*@opentelemetry\/sdk-trace/);
    }
  });
});

it('when tracing is off nothing stands between a caller and its work', async () => {
  const answer = Promise.resolve('done');
  const rpc = () => answer;

  assert.equal(traceRpc(rpc, NO_TRACING), rpc);
  assert.equal(
    NO_TRACING.span('a step', { kind: 'client' }, () => answer),
    answer,
  );
  assert.equal(
    NO_TRACING.onBehalfOf([], () => answer),
    answer,
  );
});
