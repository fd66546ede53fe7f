import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Span, SpanOptions, TraceParent, TracePlace, Tracing } from './tracing.ts';
import { NO_TRACING } from './tracing.ts';

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

/** The span that code runs in, and those of others that the next ones are made for too. */
type Place = { span: OtelSpan; sharedWith: OtelSpan[] };

/**
 * Spans of one process. The place in a trace goes with the asynchronous calls by a storage of its own: OpenTelemetry's
 * global one would let no two parts of a process trace apart, and needs a package more.
 */
export function createSpans(tracer: Tracer): Omit<Tracing, 'stop'> {
  const places = new AsyncLocalStorage<Place | undefined>();

  const start = (
    parent: Context,
    name: string,
    { kind, attributes = {}, startedAt }: SpanOptions,
    sharedWith: OtelSpan[],
  ): OtelSpan => {
    const links = sharedWith.map((other) => ({ context: other.spanContext() }));
    const times = startedAt !== undefined && { startTime: startedAt };
    const span = tracer.startSpan(name, { kind: KINDS[kind], attributes, links, ...times }, parent);
    for (const other of sharedWith) other.addLink({ context: span.spanContext() });
    return span;
  };

  const runIn = async <T>(span: OtelSpan, work: (span: Span) => Promise<T>): Promise<T> => {
    const told = asSpan(span);
    try {
      return await places.run({ span, sharedWith: [] }, () => work(told));
    } catch (error) {
      told.fail(codeOf(error));
      throw error;
    } finally {
      span.end();
    }
  };

  const startHere = (name: string, options: SpanOptions): OtelSpan | null => {
    const place = places.getStore();
    return place ? start(trace.setSpan(ROOT_CONTEXT, place.span), name, options, place.sharedWith) : null;
  };

  return {
    isOn: true,
    startTrace: (parent, name, options, work) => runIn(start(contextOf(parent), name, options, []), work),
    span(name, options, work) {
      const span = startHere(name, options);
      return span ? runIn(span, work) : NO_TRACING.span(name, options, work);
    },
    addPast: (name, options) => startHere(name, options)?.end(options.endedAt),
    current() {
      const place = places.getStore();
      return place ? asSpan(place.span) : NO_TRACING.current();
    },
    here: () => (places.getStore() as unknown as TracePlace | undefined) ?? null,
    onBehalfOf(askers, work) {
      const spans = [...new Set([...askers].map((asker) => (asker as unknown as Place).span))];
      // The trace that it is a step of has to be one that is sampled, if one of them is.
      const owner = spans.find((span) => span.isRecording()) ?? spans[0];
      const sharedWith = spans.filter((span) => span !== owner);
      return places.run(owner && { span: owner, sharedWith }, work);
    },
    traceparent() {
      const place = places.getStore();
      return place ? toTraceparent(place.span.spanContext()) : null;
    },
    addTo: (log) =>
      log.child({}, { formatters: { log: (fields) => ({ ...fields, ...idsOf(places.getStore()) }) } }),
  };
}

function asSpan(span: OtelSpan): Span {
  return {
    rename: (name) => void span.updateName(name),
    set: (attributes) => void span.setAttributes(attributes),
    fail(code) {
      span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', code);
    },
  };
}

function idsOf(place: Place | undefined): { trace_id: string; span_id: string } | undefined {
  if (!place) return undefined;
  const { traceId, spanId } = place.span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}

/** An error's own code (ours all have one), its kind, or its name; what was thrown as a word is that word. */
function codeOf(error: unknown): string {
  const named = typeof error === 'object' && error !== null ? error : { code: error };
  const { code, kind, name } = named as { code?: unknown; kind?: unknown; name?: unknown };
  const isCode = (word: unknown): word is string => typeof word === 'string' && /^[\w.-]{1,64}$/.test(word);
  return [code, kind, name].find(isCode) ?? 'unknown';
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** By W3C's rules: versions to come may say more behind a dash, 00 may not, ff and ids of zeros are none. */
function contextOf({ traceparent, tracestate }: TraceParent): Context {
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  const context: SpanContext = {
    ...{ traceId, spanId, isRemote: true },
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    ...(tracestate && { traceState: createTraceState(tracestate) }),
  };
  const isKnown = version !== 'ff' && (version !== '00' || more === undefined);
  return isKnown && isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}

function toTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
