/** One bad field: a JSON pointer into the body, or `?name` of the query. */
export type FieldProblem = { pointer: string; code: string; detail: string };

/** What Darkroom refused, as it said so (RFC 9457). `code` may be one that this client does not know yet. */
export class DarkroomError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryable: boolean;
  /** Seconds, as the answer's Retry-After. */
  readonly retryAfterSeconds: number | null;
  readonly requestId: string | null;
  readonly errors: FieldProblem[];
  /** The address that the refusal is about; after a 503 to a submit, that of the image which may have been accepted. */
  readonly instance: string | null;

  constructor(status: number, problem: Record<string, unknown>) {
    const detail = typeof problem.detail === 'string' ? problem.detail : `HTTP ${status}`;
    super(detail);
    this.name = 'DarkroomError';
    this.status = status;
    this.code = typeof problem.code === 'string' ? problem.code : 'unknown';
    this.retryable = problem.retryable === true || status === 502 || status === 504;
    this.retryAfterSeconds =
      typeof problem.retry_after_seconds === 'number' ? problem.retry_after_seconds : null;
    this.requestId = typeof problem.request_id === 'string' ? problem.request_id : null;
    this.errors = Array.isArray(problem.errors) ? (problem.errors as FieldProblem[]) : [];
    this.instance = typeof problem.instance === 'string' ? problem.instance : null;
  }
}
