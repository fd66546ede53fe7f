import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import type { Fault } from './fault.ts';
import { errorBody, invalidArgument, invalidKey, misuse, modelNotFound, type Refusal } from './refusal.ts';

const RATE_LIMITS = 'https://ai.google.dev/gemini-api/docs/rate-limits';
const HTML = 'text/html; charset=UTF-8';
const PAGE =
  '<!DOCTYPE html>\n<html lang=en>\n<title>Error</title>\n<p>The server is temporarily unavailable.\n';

/** Faults that answer instead of the model: error statuses, and 200s that come from something in between. */
export const ERROR_FAULTS: Record<string, Fault> = {
  '429-minute': ({ order, params: [delay = '27s'] }) => overQuota(order.model.id, 'Minute', delay),
  // Google has been seen to send a RetryInfo of seconds together with a per-day quota: it misleads on purpose.
  '429-day': ({ order, params: [delay = '18s'] }) => overQuota(order.model.id, 'Day', delay),
  '429-spend': () =>
    failure(
      429,
      'RESOURCE_EXHAUSTED',
      'Your project has exceeded its spend-based rate limit. Please try again later.',
    ),
  '429-bare': () => failure(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'),
  '402': () =>
    failure(
      402,
      'RESOURCE_EXHAUSTED',
      'Your prepayment credits are depleted. Please add credits to continue.',
    ),
  '400-key': () => refused(invalidKey()),
  '400-argument': () => refused(invalidArgument('Request contains an invalid argument.')),
  '400-precondition': () =>
    failure(400, 'FAILED_PRECONDITION', 'Billing is disabled for this project. Please enable billing.'),
  '403': () =>
    failure(403, 'PERMISSION_DENIED', 'Your project has been denied access. Please contact support.'),
  '403-suspended': () => {
    // Google's text names the key that it is about; whoever logs it has it in the log.
    const message = "Permission denied: Consumer 'api_key:AIza-very-secret-key' has been suspended.";
    const info = {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'CONSUMER_SUSPENDED',
      domain: 'googleapis.com',
      metadata: { containerInfo: 'api_key:AIza-very-secret-key' },
    };
    return jsonAnswer(403, errorBody(403, 'PERMISSION_DENIED', message, [info]));
  },
  '404': ({ order }) => refused(modelNotFound(order.model.id, 'v1')),
  '408': () => failure(408, 'DEADLINE_EXCEEDED', 'The request timed out.', 'maybe'),
  '500': () => failure(500, 'INTERNAL', 'An internal error has occurred. Please retry.'),
  '500-broken-json': () =>
    textAnswer(500, 'application/json; charset=UTF-8', '{"error": {"code": 500, "mess'),
  '502-empty': () => textAnswer(502, HTML, '', 'maybe'),
  '503': () => failure(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
  '503-html': () => textAnswer(503, HTML, PAGE),
  '504': () => failure(504, 'DEADLINE_EXCEEDED', 'The request timed out. Please try again.', 'maybe'),
  'html-200': () => textAnswer(200, HTML, PAGE, 'maybe'),
  'empty-200': () => textAnswer(200, 'application/json; charset=UTF-8', '', 'maybe'),
  'redirect-302': () => {
    const answer = textAnswer(302, HTML, '');
    return { ...answer, headers: { ...answer.headers, location: '/_simulator/redirected' } };
  },
};

function failure(code: number, status: string, message: string, billed: Answer['billed'] = false): Answer {
  return jsonAnswer(code, errorBody(code, status, message), billed);
}

function refused({ body }: Refusal): Answer {
  return jsonAnswer(body.error.code, body);
}

/** `delay` is a RetryInfo as Google writes it (`27s`, `0.5s`), or `none` for an answer without one. */
function overQuota(model: string, period: 'Minute' | 'Day', delay: string): Answer {
  if (!/^(\d+(\.\d+)?s|none)$/.test(delay))
    throw misuse(`a retry delay is like '27s' or 'none', not '${delay}'`);
  const metric = 'generativelanguage.googleapis.com/generate_requests_per_model';
  const message =
    'You exceeded your current quota, please check your plan and billing details. For more information on this ' +
    `error, head to: ${RATE_LIMITS}.\n* Quota exceeded for metric: ${metric}, limit: 10, model: ${model}`;
  const violation = {
    quotaMetric: metric,
    quotaId: `GenerateRequestsPer${period}PerProjectPerModel`,
    quotaDimensions: { location: 'global', model },
    quotaValue: '10',
  };
  const links = [{ description: 'Learn more about Gemini API quotas', url: RATE_LIMITS }];
  const details: unknown[] = [
    { '@type': 'type.googleapis.com/google.rpc.Help', links },
    { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [violation] },
  ];
  if (delay !== 'none')
    details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: delay });
  return jsonAnswer(429, errorBody(429, 'RESOURCE_EXHAUSTED', message, details));
}
