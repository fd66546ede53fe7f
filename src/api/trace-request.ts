import { AsyncLocalStorage } from 'node:async_hooks';
import type { Request, RequestHandler, Response } from 'express';
import type { Attributes, Tracing } from '../shared/tracing.ts';

/** What machines ask every few seconds would be most of what is collected. */
const UNTRACED = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * The span of a request, until its answer is out, and the beginning of its trace, or the next step of the one that its
 * caller names. Names and attributes are OpenTelemetry's for HTTP servers; the query is left out, as in the log.
 * Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
export function createTraceRequest(tracing: Pick<Tracing, 'startTrace'>): RequestHandler {
  return (req, res, next) => {
    if (UNTRACED.has(req.path)) return next();
    const parent = { traceparent: req.get('traceparent'), tracestate: req.get('tracestate') };
    const options = { kind: 'server', attributes: attributesOf(req) } as const;
    void tracing.startTrace(parent, req.method, options, async (span) => {
      // Who listens for the end of the answer, as the request log does, is still told in this place of the trace.
      res.emit = AsyncLocalStorage.bind(res.emit);
      const closed = new Promise((resolve) => res.once('close', resolve));
      next();
      await closed;

      const route: unknown = req.route?.path;
      if (typeof route === 'string') {
        span.rename(`${req.method} ${route}`);
        span.set({ 'http.route': route });
      }
      span.set({ 'darkroom.request_id': String(req.id), ...outcomeOf(res) });
      if (res.statusCode >= 500) span.fail(String(res.locals.errorCode ?? res.statusCode));
    });
  };
}

function attributesOf(req: Request): Attributes {
  const agent = req.get('user-agent');
  return {
    'http.request.method': req.method,
    'url.scheme': req.protocol,
    'url.path': req.path,
    ...(req.hostname && { 'server.address': req.hostname }),
    ...(agent && { 'user_agent.original': agent }),
  };
}

/** No status when the caller went away before there was one. */
function outcomeOf(res: Response): Attributes {
  const { errorCode } = res.locals;
  return {
    ...(res.headersSent && { 'http.response.status_code': res.statusCode }),
    ...(typeof errorCode === 'string' && { 'darkroom.error_code': errorCode }),
  };
}
