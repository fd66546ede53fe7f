import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { pinoHttp } from 'pino-http';
import type { Logger } from '../shared/logger.ts';

/** A request id that a caller or a proxy may choose: short and harmless in a log line. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Asked every few seconds, by programs. */
const PROBES = new Set(['/healthz', '/readyz', '/metrics']);

/** One line a request, and `Request-Id` on every answer: the caller's own where it is acceptable. */
export function createRequestLog(log: Logger): RequestHandler {
  return pinoHttp({
    logger: log,
    genReqId: (req, res) => {
      const given = req.headers['request-id'];
      const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
      res.setHeader('Request-Id', id);
      return id;
    },
    // The query is left out: it may hold a text that somebody searches for.
    serializers: {
      req: (req: { id: unknown; method: string; url: string }) => ({
        id: req.id,
        method: req.method,
        path: req.url.split('?')[0],
      }),
      res: (res: { statusCode: number }) => ({ status: res.statusCode }),
    },
    customLogLevel: (_req, res, error) => (error || res.statusCode >= 500 ? 'error' : 'info'),
    customSuccessMessage: () => 'request.answered',
    customErrorMessage: () => 'request.failed',
    customReceivedMessage: undefined,
    autoLogging: { ignore: (req) => PROBES.has(req.url ?? '') },
  }) as RequestHandler;
}
