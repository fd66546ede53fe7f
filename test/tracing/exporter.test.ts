import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { createLogger } from '../../src/shared/logger.ts';
import { startTracing } from '../../src/shared/start-tracing.ts';
import { isTracingOn, tracesUrl, tracingConfig } from '../../src/shared/tracing-config.ts';
import type { Env } from '../support/test-stack.ts';
import { startTraceCollector } from '../support/trace-collector.ts';

const schema = z.object(tracingConfig);
const log = createLogger('test', 'silent');

/** Sends one span as this environment says. */
async function sendSpan(env: Env): Promise<void> {
  const tracing = await startTracing(schema.parse(env), { serviceName: 'test', believeParents: false, log });
  await tracing.startTrace({ traceparent: null }, 'a step', { kind: 'internal' }, async () => undefined);
  await tracing.stop();
}

describe('the exporter', () => {
  it('sends protobuf below the common address unless it is told otherwise', async (t) => {
    const collector = await startTraceCollector();
    t.after(collector.close);

    await sendSpan({ OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/base/` });

    const [sent] = collector.sent;
    assert.deepEqual(
      [sent?.path, sent?.headers['content-type']],
      ['/base/v1/traces', 'application/x-protobuf'],
    );
    assert.equal(nameOfFirstSpan(sent?.body ?? Buffer.alloc(0)), 'a step');
  });

  it('takes what is said of traces before what is said of everything', async (t) => {
    const collector = await startTraceCollector();
    t.after(collector.close);

    await sendSpan({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/exactly/here`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20common,x-tenant=a',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=Bearer%20traces',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    });

    const [sent] = collector.sent;
    assert.deepEqual(
      [sent?.path, sent?.headers.authorization, sent?.headers['x-tenant'], sent?.headers['content-encoding']],
      ['/exactly/here', 'Bearer traces', 'a', 'gzip'],
    );
    assert.equal(collector.spans[0]?.name, 'a step');
  });

  it('names the service and what else the environment says of it', async (t) => {
    const collector = await startTraceCollector();
    t.after(collector.close);
    const attributes = 'service.name=overruled,deployment.environment.name=a%2Cb';

    await sendSpan({ ...collector.env, OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: 'rooms' });
    await sendSpan({ ...collector.env, OTEL_RESOURCE_ATTRIBUTES: attributes });
    await sendSpan(collector.env);

    assert.deepEqual(
      collector.spans.map(({ service }) => service),
      ['rooms', 'overruled', 'test'],
    );
    assert.equal(collector.spans[0]?.resource['deployment.environment.name'], 'a,b');
  });
});

describe('the environment', () => {
  const on: [Env, boolean][] = [
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'rooms', OTEL_TRACES_SAMPLER: 'always_on' }, false],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' }, false],
  ];
  for (const [env, isOn] of on) {
    it(`${JSON.stringify(env)} puts tracing ${isOn ? 'on' : 'off'}`, () => {
      assert.equal(isTracingOn(schema.parse(env)), isOn);
    });
  }

  it('with an exporter and no address sends to this machine, as OpenTelemetry does', () => {
    assert.equal(
      tracesUrl(schema.parse({ OTEL_TRACES_EXPORTER: 'otlp' })),
      'http://localhost:4318/v1/traces',
    );
  });

  it('is refused where it asks for what there is not', () => {
    const wrong = {
      OTEL_TRACES_EXPORTER: 'zipkin',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_HEADERS: 'no pair',
      OTEL_RESOURCE_ATTRIBUTES: 'a=%',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
      OTEL_TRACES_SAMPLER_ARG: '2',
    };

    const { error } = schema.safeParse(wrong);

    assert.deepEqual(error?.issues.map(({ path }) => path[0]).toSorted(), Object.keys(wrong).toSorted());
  });
});

/** Field 5 of Span in ScopeSpans (2) in ResourceSpans (2) in the request (1), by opentelemetry-proto's trace.proto. */
function nameOfFirstSpan(body: Buffer): string {
  const spans = [1, 2, 2].reduce(field, body);
  return field(spans, 5).toString();
}

/** The first field of this number with a length, in protobuf's wire format. */
function field(message: Buffer, wanted: number): Buffer {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message.readUInt8(at++);
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const type = key % 8;
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else {
      const length = varint();
      at += length;
      if (Math.floor(key / 8) === wanted) return message.subarray(at - length, at);
    }
  }
  throw new Error(`no field ${wanted}`);
}
