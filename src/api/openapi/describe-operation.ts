import type { z } from 'zod';
import type {
  ZodOpenApiMediaTypeObject,
  ZodOpenApiOperationObject,
  ZodOpenApiResponseObject,
} from 'zod-openapi';
import { API_ERRORS, type ApiErrorCode, isRetryable } from '../api-error.ts';
import { type ProblemDetails, problemDetails } from '../problem-schema.ts';
import { pickHeaders, type ResponseHeader, requestHeaders, responseHeaders } from './headers.ts';
import type { Answer, Operation } from './operation.ts';
import { SECURITY_OF } from './security.ts';

/** The operation in the words of OpenAPI. */
export function describeOperation(operation: Operation, tag: string): ZodOpenApiOperationObject {
  const { operationId, summary, description, pathParams, query, headers = [], body, form } = operation;
  return {
    operationId,
    summary,
    ...(description && { description }),
    tags: [tag],
    security: SECURITY_OF[operation.access] as Record<string, string[]>[],
    requestParams: {
      ...(pathParams && { path: pathParams }),
      ...(query && { query }),
      header: pickHeaders(requestHeaders, [...headers, 'Request-Id']),
    },
    ...(body && {
      requestBody: {
        required: !body.isOptional,
        content: {
          'application/json': { schema: body.schema, example: body.example },
          ...(body.lines && { 'application/x-ndjson': { schema: body.lines } }),
        },
      },
    }),
    ...(form && { requestBody: { required: true, content: { 'multipart/form-data': describeForm(form) } } }),
    responses: describeResponses(operation),
  };
}

/** Files are binary strings to OpenAPI 3.1, of a type that the form's part names. */
function describeForm({ field, many }: NonNullable<Operation['form']>): ZodOpenApiMediaTypeObject {
  const file = { type: 'string' as const, contentMediaType: 'application/octet-stream' };
  const property = many ? { type: 'array' as const, items: file, minItems: 1 } : file;
  return { schema: { type: 'object', required: [field], properties: { [field]: property } } };
}

/** The codes of an operation's refusals, by their status. */
export function codesByStatus(operation: Operation): Map<number, ApiErrorCode[]> {
  return Map.groupBy(operation.refusals, (code) => API_ERRORS[code].status);
}

function describeResponses(
  operation: Operation,
): Record<`${2 | 3 | 4 | 5}${string}`, ZodOpenApiResponseObject> {
  const answers = Object.entries(operation.answers).map(([status, answer]) => [
    status,
    describeAnswer(answer, operation),
  ]);
  const refusals = [...codesByStatus(operation)].map(([status, codes]) => [
    String(status),
    describeRefusal(codes, operation.path),
  ]);
  return Object.fromEntries([...answers, ...refusals]);
}

function describeAnswer(answer: Answer, operation: Operation): ZodOpenApiResponseObject {
  const { description, schema, contentType = 'application/json', example, other } = answer;
  return {
    description,
    headers: headersOfAnswer(answer, operation),
    ...(schema && {
      content: {
        [contentType]: { schema, ...(example !== undefined && { example }) },
        ...(other && { [other.contentType]: { schema: other.schema, example: other.example } }),
      },
    }),
  };
}

/** The headers that an answer has, those that may be missing optional. */
export function headersOfAnswer(
  { headers = [], someHeaders = [] }: Answer,
  { refusals }: Operation,
): z.ZodObject {
  const limits: ResponseHeader[] = refusals.includes('rate_limited') ? ['RateLimit', 'RateLimit-Policy'] : [];
  return pickHeaders(responseHeaders, ['Request-Id', ...headers], [...someHeaders, ...limits]);
}

/** The headers that refusals of one status have, those that may be missing optional. */
export function headersOfRefusal(status: number): z.ZodObject {
  const own: ResponseHeader[] = status === 401 ? ['WWW-Authenticate'] : [];
  // 404 for an image that is not ready yet.
  const retry: ResponseHeader[] = [404, 409, 429, 503].includes(status) ? ['Retry-After'] : [];
  const limits: ResponseHeader[] = status === 429 ? ['RateLimit', 'RateLimit-Policy'] : [];
  return pickHeaders(responseHeaders, ['Request-Id', ...own, ...retry, ...limits]);
}

function describeRefusal(codes: ApiErrorCode[], path: string): ZodOpenApiResponseObject {
  const status = codes[0] ? API_ERRORS[codes[0]].status : 500;
  return {
    description: codes.map((code) => `\`${code}\`: ${API_ERRORS[code].title}.`).join(' '),
    headers: headersOfRefusal(status),
    content: {
      'application/problem+json': {
        schema: problemDetails,
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code, path) }])),
      },
    },
  };
}

function exampleOf(code: ApiErrorCode, path: string): ProblemDetails {
  const { status, title } = API_ERRORS[code];
  const isField = code === 'validation_failed';
  return {
    type: 'about:blank',
    title,
    status,
    detail: isField ? 'Not valid: /style.' : `${title}.`,
    instance: path,
    code,
    retryable: isRetryable(code),
    retry_after_seconds: isRetryable(code) ? 5 : null,
    request_id: 'nightly-17',
    errors: isField ? [{ pointer: '/style', code: 'too_big', detail: 'Too long.' }] : [],
  };
}
