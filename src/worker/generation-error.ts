import type { ErrorCode, GenerationErrorBody, Usage } from '../shared/generation.ts';

/**
 * What follows from an error:
 * - permanent: the row fails now;
 * - retryable: the row goes back, one failure more, and waits;
 * - no_image: the model worked and gave nothing usable; once more, then the row fails;
 * - quota: calls are held for all workers, the row goes back at no cost;
 * - wait: something of ours was away before anything was paid; the row goes back at no cost and waits.
 */
export type ErrorClass = 'permanent' | 'retryable' | 'no_image' | 'quota' | 'wait';

/** No calls of `scope` ('project' or 'model:' and its id) for so many seconds. */
export type Hold = { scope: string; seconds: number };

type Fields = {
  code: ErrorCode;
  message: string;
  errorClass: ErrorClass;
  /** Whether the call may have been billed. */
  billed: boolean;
  /** Whether a copy of the image may succeed where this one did not; by default, when the error is not permanent. */
  retryable?: boolean;
  upstream?: { reason: string | null; http_status: number | null };
  usage?: Usage | null;
  costUsd?: number | null;
  hold?: Hold;
  cause?: unknown;
};

/** An outcome for the row, not a bug: what the client is told, what happens to the row, and what it may have cost. */
export class GenerationError extends Error {
  readonly code: ErrorCode;
  readonly errorClass: ErrorClass;
  readonly billed: boolean;
  readonly retryable: boolean;
  readonly upstream: Fields['upstream'];
  readonly usage: Usage | null;
  readonly costUsd: number | null;
  readonly hold: Hold | null;

  constructor(fields: Fields) {
    super(fields.message, { cause: fields.cause });
    this.name = 'GenerationError';
    this.code = fields.code;
    this.errorClass = fields.errorClass;
    this.billed = fields.billed;
    this.retryable = fields.retryable ?? fields.errorClass !== 'permanent';
    this.upstream = fields.upstream;
    this.usage = fields.usage ?? null;
    this.costUsd = fields.costUsd ?? null;
    this.hold = fields.hold ?? null;
  }

  /** What is kept on the row. */
  toBody(): GenerationErrorBody {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.upstream && { upstream: this.upstream }),
    };
  }
}
