import { ApiError } from '@google/genai';
import { z } from 'zod';
import { GenerationError } from './generation-error.ts';
import { type ErrorDetail, quotaHold } from './quota-hold.ts';

/** While an operator has a key or a bill to mend, one image a minute finds out whether it is mended. */
const BAD_KEY_HOLD_S = 60;
const NO_CREDIT_HOLD_S = 600;

/** The connection was never made, so no request can have arrived. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
/** OpenSSL's verdicts on a certificate, such as CERT_HAS_EXPIRED and DEPTH_ZERO_SELF_SIGNED_CERT. */
const BAD_CERTIFICATE = /CERT/;

/** What a 403 says when it is the key or the project that may not call, and not one model. */
const WHOLE_PROJECT = /^(API_KEY|CONSUMER|SERVICE|BILLING|ACCOUNT|USER_PROJECT)_/;

const googleErrorSchema = z.object({
  error: z.object({
    message: z.string().catch(''),
    status: z.string().catch(''),
    details: z.array(z.record(z.string(), z.unknown())).catch([]),
  }),
});

/**
 * What a rejected call means for the row. The SDK throws ApiError with the whole error body as its message; a broken
 * body as SyntaxError; a broken connection as TypeError.
 * Source: https://ai.google.dev/gemini-api/docs/troubleshooting and the SDK's own code.
 */
export function classifyCallError(error: unknown, model: string, now = new Date()): GenerationError {
  if (error instanceof ApiError) return classifyApiError(error, model, now);
  if (error instanceof SyntaxError) {
    return retryable('Gemini answered something that is no JSON.', { billed: true, cause: error });
  }
  if (error instanceof TypeError) {
    const { code, connected } = readNetworkError(error.cause);
    return retryable('The connection to Gemini broke.', {
      billed: connected,
      upstream: { reason: code || null, http_status: null },
      cause: error,
    });
  }
  return new GenerationError({
    code: 'internal',
    message: 'The request for Gemini could not be made.',
    errorClass: 'permanent',
    billed: false,
    cause: error,
  });
}

function classifyApiError(error: ApiError, model: string, now: Date): GenerationError {
  const { message, status, details } = readBody(error.message);
  const upstream = { reason: reasonOf(details) ?? (status || null), http_status: error.status };
  // Google's texts name the API key they are about, so they go into no log.
  const cause = new Error(`HTTP ${error.status} ${status} ${upstream.reason ?? ''}`.trim());
  const misconfigured = (text: string, holdScope?: string) =>
    new GenerationError({
      code: 'misconfigured',
      message: text,
      errorClass: 'permanent',
      billed: false,
      upstream,
      cause,
      ...(holdScope && { hold: { scope: holdScope, seconds: BAD_KEY_HOLD_S } }),
    });

  switch (error.status) {
    case 400:
      if (upstream.reason === 'API_KEY_INVALID')
        return misconfigured('Gemini does not accept the API key.', 'project');
      if (status === 'FAILED_PRECONDITION')
        return misconfigured('Gemini may not be used by this project.', 'project');
      break;
    case 401:
      return misconfigured('Gemini does not accept the API key.', 'project');
    case 403: {
      const scope = WHOLE_PROJECT.test(upstream.reason ?? '') ? 'project' : `model:${model}`;
      return misconfigured('The API key has no right to this model.', scope);
    }
    case 402:
      return quota('The project has no credit left.', { scope: 'project', seconds: NO_CREDIT_HOLD_S });
    case 404:
      return misconfigured(`Gemini does not know the model ${model}.`);
    case 429:
      return quota('Gemini accepts no more calls for now.', quotaHold(model, message, details, now));
    case 408:
    case 504:
      return retryable('Gemini took too long.', {
        code: 'upstream_timeout',
        billed: true,
        upstream,
        cause,
      });
    case 499:
    case 502:
      // Something in between lost a call that may have been worked on.
      return retryable('The answer of Gemini was lost on its way.', { billed: true, upstream, cause });
  }
  if (error.status >= 500) {
    return retryable('Gemini failed.', { billed: false, upstream, cause });
  }
  return new GenerationError({
    code: 'upstream_error',
    message: 'Gemini refuses this request.',
    errorClass: 'permanent',
    billed: false,
    upstream,
    cause,
  });

  function quota(text: string, hold: { scope: string; seconds: number }): GenerationError {
    const fields = {
      code: 'upstream_rate_limited',
      message: text,
      errorClass: 'quota',
      billed: false,
    } as const;
    return new GenerationError({ ...fields, upstream, hold, cause });
  }
}

function retryable(
  message: string,
  fields: {
    code?: 'upstream_error' | 'upstream_timeout';
    billed: boolean;
    upstream?: { reason: string | null; http_status: number | null };
    cause: unknown;
  },
): GenerationError {
  return new GenerationError({ code: 'upstream_error', message, errorClass: 'retryable', ...fields });
}

function readBody(text: string): { message: string; status: string; details: ErrorDetail[] } {
  try {
    return googleErrorSchema.parse(JSON.parse(text)).error;
  } catch {
    // Proxies answer with HTML or nothing; then the HTTP status is all there is.
    return { message: text, status: '', details: [] };
  }
}

function reasonOf(details: ErrorDetail[]): string | null {
  const reason = details.find((detail) => typeof detail.reason === 'string')?.reason;
  return typeof reason === 'string' ? reason : null;
}

/** Whether a request can have arrived. Node tries a host's addresses in turn; then there is an error for each. */
function readNetworkError(cause: unknown): { code: string; connected: boolean } {
  const { code, syscall, errors } = (cause ?? {}) as { code?: unknown; syscall?: unknown; errors?: unknown };
  const known = typeof code === 'string' ? code : '';
  if (Array.isArray(errors) && errors.length > 0) {
    return { code: known, connected: errors.some((one) => readNetworkError(one).connected) };
  }
  const refused = NOT_CONNECTED.has(known) || BAD_CERTIFICATE.test(known);
  return { code: known, connected: !refused && !(known === 'ETIMEDOUT' && syscall === 'connect') };
}
