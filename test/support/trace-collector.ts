import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Env } from './test-stack.ts';
import { waitFor } from './wait-for.ts';

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };
type Pairs = { key: string; value: Value }[];
type SentSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: Pairs;
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number; message?: string };
};
type SentBody = {
  resourceSpans: { resource: { attributes: Pairs }; scopeSpans: { spans: SentSpan[] }[] }[];
};

export type Attributes = Record<string, string | number | boolean | undefined>;
export type CollectedSpan = Omit<SentSpan, 'attributes' | 'links'> & {
  attributes: Attributes;
  links: { traceId: string; spanId: string }[];
  resource: Attributes;
  service: string;
};
export type Sent = { path: string; headers: IncomingMessage['headers']; body: Buffer };

/** An OTLP/HTTP collector in this process, which keeps what it is sent. */
export type TraceCollector = {
  url: string;
  /** What a process needs in its environment to send here soon. */
  env: Env;
  sent: Sent[];
  spans: CollectedSpan[];
  /** The span that this is true of, now or later. */
  waitForSpan(what: string, isIt: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
  /** From now on requests are answered with this status, or never. */
  answerWith(status: number | 'hang'): void;
  close(): Promise<void>;
};

export async function startTraceCollector(): Promise<TraceCollector> {
  const sent: Sent[] = [];
  const spans: CollectedSpan[] = [];
  let status: number | 'hang' = 200;

  const receive = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const body = req.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    sent.push({ path: String(req.url), headers: req.headers, body });
    if (status === 'hang') return;
    const isJson = req.headers['content-type'] === 'application/json';
    if (isJson && status === 200) spans.push(...readSpans(JSON.parse(body.toString())));
    res.writeHead(status, { 'content-type': String(req.headers['content-type']) }).end(isJson ? '{}' : '');
  };
  const server = createServer((req, res) => void receive(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    },
    sent,
    spans,
    waitForSpan: (what, isIt) => waitFor(what, async () => spans.find(isIt)),
    answerWith(next) {
      status = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function readSpans(body: SentBody): CollectedSpan[] {
  return body.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const about = readAttributes(resource.attributes);
    const sent = scopeSpans.flatMap(({ spans }) => spans);
    return sent.map(({ attributes = [], links = [], ...span }) => ({
      ...span,
      links,
      attributes: readAttributes(attributes),
      resource: about,
      service: String(about['service.name']),
    }));
  });
}

function readAttributes(pairs: Pairs): Attributes {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? Number(value.intValue ?? value.doubleValue),
    ]),
  );
}
