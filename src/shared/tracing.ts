import type { Logger } from './logger.ts';

export type Attributes = Record<string, string | number | boolean>;

export type SpanOptions = {
  kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  /** Never prompts, tokens, keys, bytes or addresses that open something. */
  attributes?: Attributes;
  /** Milliseconds since 1970, for a span that began before it was known whose it is. */
  startedAt?: number;
};

export type Span = {
  rename(name: string): void;
  set(attributes: Attributes): void;
  /** Marks it as failed, with one of our codes or the name of an error: messages may quote what callers sent. */
  fail(code: string): void;
};

/** Where a trace goes on from, as W3C's headers say it; what is no valid traceparent begins a trace of its own. */
export type TraceParent = { traceparent: string | null | undefined; tracestate?: string | undefined };

/** A place in a trace, to come back to. */
export type TracePlace = { readonly place: unique symbol };

/**
 * Spans of what a process does for somebody. A trace begins at a request or at an attempt; what a process does by
 * itself (beats, timers) is in none. It never throws, and never waits for whoever collects the spans.
 */
export type Tracing = {
  isOn: boolean;
  /** Runs `work` as the beginning of a trace in this process. An error that it throws marks the span and passes. */
  startTrace<T>(
    parent: TraceParent,
    name: string,
    options: SpanOptions,
    work: (span: Span) => Promise<T>,
  ): Promise<T>;
  /** Runs `work` as a step of the trace that it is called in; outside of one it just runs it. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** Adds a step that is over to the trace that it is called in. Times in milliseconds since 1970. */
  addPast(name: string, options: SpanOptions & { startedAt: number; endedAt: number }): void;
  /** The innermost span that it is called in; outside of a trace one that ignores everything. */
  current(): Span;
  here(): TracePlace | null;
  /**
   * Runs `work`, which several asked for and share, as a step of the first one's trace; its spans and the others are
   * linked with each other. With nobody it is in no trace, whatever it is called in.
   */
  onBehalfOf<T>(places: Iterable<TracePlace>, work: () => Promise<T>): Promise<T>;
  /** What goes with a message or a row so that another process can go on; null outside of a trace. */
  traceparent(): string | null;
  /** A logger whose lines name the trace and the span that they are written in. */
  addTo(log: Logger): Logger;
  /** Sends what has not been sent, within two seconds, and gives up the rest. */
  stop(): Promise<void>;
};

const IGNORES: Span = { rename: nothing, set: nothing, fail: nothing };

/** What processes work with when tracing is off: nothing of OpenTelemetry is even loaded. */
export const NO_TRACING: Tracing = {
  isOn: false,
  startTrace: (_parent, _name, _options, work) => work(IGNORES),
  span: (_name, _options, work) => work(IGNORES),
  addPast: nothing,
  current: () => IGNORES,
  here: () => null,
  onBehalfOf: (_places, work) => work(),
  traceparent: () => null,
  addTo: (log) => log,
  stop: async () => undefined,
};

function nothing(): void {
  // Tracing is off.
}
