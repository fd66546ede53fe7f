import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { RpcError } from '../shared/rpc.ts';
import { API_ERRORS, ApiError, isRetryable } from './api-error.ts';
import type { ProblemDetails } from './problem-schema.ts';

const RETRY_AFTER_S = 5;

/** The database gave up waiting: for a lock, or altogether. Nothing was written, and it may go better later. */
const BUSY_CODES = new Set(['55P03', '57014']);

/** The one place that turns errors into answers: RFC 9457 problem details. What it does not know is a bland 500. */
export const answerProblem: ErrorRequestHandler = (error, req, res, next) => {
  if (res.headersSent) return next(error);
  const known = toApiError(error);
  res.locals.errorCode = known.code;
  // The one log line of this request tells it.
  if (known.status >= 500) res.err = error instanceof Error ? error : new Error(String(error));
  sendProblem(req, res, known);
};

export const answerNotFound: RequestHandler = () => {
  throw new ApiError('not_found', 'There is nothing here.');
};

/** For every method that a route does not have. */
export function answerMethodNotAllowed(...methods: string[]): RequestHandler {
  return (req) => {
    throw new ApiError('method_not_allowed', `${req.method} is not one of ${methods.join(', ')}.`, {
      headers: { Allow: methods.join(', ') },
    });
  };
}

function sendProblem(req: Request, res: Response, error: ApiError): void {
  const retryable = isRetryable(error.code);
  const retryAfter = error.retryAfterSeconds;
  res.set(error.headers);
  if (retryAfter !== null) res.set('Retry-After', String(retryAfter));
  res
    .status(error.status)
    .set('Cache-Control', 'no-store')
    .type('application/problem+json')
    .json({
      type: 'about:blank',
      title: API_ERRORS[error.code].title,
      status: error.status,
      detail: error.message,
      instance: error.instance ?? String(req.originalUrl.split('?')[0]),
      code: error.code,
      retryable,
      retry_after_seconds: retryAfter,
      request_id: String(req.id),
      errors: error.errors,
    } satisfies ProblemDetails);
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof RpcError && error.unclear) {
    return new ApiError('temporarily_unavailable', 'The database does not answer. Try again.', {
      retryAfterSeconds: RETRY_AFTER_S,
      cause: error,
    });
  }
  if (error instanceof RpcError && BUSY_CODES.has(error.code)) {
    return new ApiError('temporarily_unavailable', 'The database is busy; nothing was accepted. Try again.', {
      retryAfterSeconds: RETRY_AFTER_S,
      cause: error,
    });
  }
  return (
    toBodyError(error) ?? new ApiError('internal', 'Something went wrong on our side.', { cause: error })
  );
}

/** What express and its body parser throw: an http-errors object with a type. */
function toBodyError(error: unknown): ApiError | null {
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  switch (type) {
    case 'entity.parse.failed':
      return new ApiError('malformed_json', 'The body is not valid JSON.');
    case 'entity.too.large':
      return new ApiError('payload_too_large', 'The body is larger than this endpoint takes.');
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new ApiError(
        'unsupported_media_type',
        'Send the body as UTF-8, plain or compressed with gzip, deflate or br.',
      );
    case 'entity.verify.failed':
      return new ApiError('malformed_json', (error as Error).message);
    case 'request.aborted':
    case 'request.size.invalid':
      return new ApiError('malformed_json', 'The body did not arrive whole.');
  }
  // A path that cannot be decoded names nothing.
  if (error instanceof URIError) return new ApiError('not_found', 'There is nothing here.');
  if (status === 400) return new ApiError('malformed_json', 'The body cannot be read.');
  return null;
}
