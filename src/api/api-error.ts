/** The codes of refusals, with the status and the title that go with each. */
export const API_ERRORS = {
  malformed_json: { status: 400, title: 'The body is no JSON' },
  malformed_multipart: { status: 400, title: 'The body is no multipart form' },
  unauthorized: { status: 401, title: 'Not signed in' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  image_not_ready: { status: 404, title: 'Not ready yet' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  idempotency_in_progress: { status: 409, title: 'The same request is under way' },
  gone: { status: 410, title: 'Deleted' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  validation_failed: { status: 422, title: 'Some fields are not valid' },
  idempotency_key_reused: { status: 422, title: 'The key belongs to another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  too_many_streams: { status: 429, title: 'Too many streams are open' },
  queue_full: { status: 429, title: 'Too many images are waiting' },
  internal: { status: 500, title: 'Something went wrong' },
  temporarily_unavailable: { status: 503, title: 'Temporarily unavailable' },
} as const;
export type ApiErrorCode = keyof typeof API_ERRORS;

/** Whether the same request may do better later. */
export const isRetryable = (code: ApiErrorCode) =>
  code === 'image_not_ready' || [409, 429, 503].includes(API_ERRORS[code].status);

/** One bad field: where (an RFC 6901 pointer into the body, or `?name` for a query parameter) and why. */
export type FieldError = { pointer: string; code: string; detail: string };

type Options = {
  errors?: FieldError[];
  headers?: Record<string, string>;
  retryAfterSeconds?: number;
  /** The resource that the refusal is about, where it is not the one asked for. */
  instance?: string;
  cause?: unknown;
};

/** A refusal to a client. One place turns it into problem+json (problem.ts). */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly errors: FieldError[];
  readonly headers: Record<string, string>;
  readonly retryAfterSeconds: number | null;
  readonly instance: string | null;

  constructor(code: ApiErrorCode, detail: string, options: Options = {}) {
    super(detail, { cause: options.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = API_ERRORS[code].status;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.instance = options.instance ?? null;
  }
}

export function unauthorized(detail: string, cause?: unknown): ApiError {
  return new ApiError('unauthorized', detail, {
    headers: { 'WWW-Authenticate': 'Bearer realm="darkroom"' },
    cause,
  });
}
