import type { z } from 'zod';
import type { ApiErrorCode } from '../api-error.ts';
import type { RequestHeader, ResponseHeader } from './headers.ts';

/** One way in which an operation answers that is no refusal. */
export type Answer = {
  description: string;
  /** None: no body. */
  schema?: z.ZodType;
  /** `application/json` unless told otherwise. */
  contentType?: string;
  /** Beside `Request-Id`, which every answer has. */
  headers?: ResponseHeader[];
  /** Those that only some of these answers have. */
  someHeaders?: ResponseHeader[];
  example?: unknown;
  /** The same as another type, for who asks for that. */
  other?: { contentType: string; schema: z.ZodType; example: unknown };
};

/** What one method of one path does. The document shows it, and the tests hold every answer to it. */
export type Operation = {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With parameters in braces. */
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  /** Which of the schemes in security.ts open it. */
  access:
    | 'nobody asked'
    | 'metrics readers'
    | 'anonymous or any'
    | 'anonymous or any, or by link'
    | 'users and admins'
    | 'admins'
    | 'admins, in a browser';
  pathParams?: z.ZodObject;
  query?: z.ZodObject;
  headers?: RequestHeader[];
  /** `lines`: what each line is when it is sent as NDJSON instead. */
  body?: { schema: z.ZodType; example: unknown; isOptional?: boolean; lines?: z.ZodType };
  /** A multipart form with one file, or with several, in this field. */
  form?: { field: string; many: boolean };
  answers: Record<number, Answer>;
  /** Every code that it refuses with; the statuses follow from them. 405 belongs to no operation. */
  refusals: ApiErrorCode[];
};

export type Resource = { tag: string; description: string; operations: Operation[] };

/** What reading a JSON body may end with. */
export const BODY_REFUSALS: ApiErrorCode[] = [
  'malformed_json',
  'payload_too_large',
  'unsupported_media_type',
  'validation_failed',
];
/** What reading a form with files may end with. */
export const FORM_REFUSALS: ApiErrorCode[] = [
  'malformed_multipart',
  'payload_too_large',
  'unsupported_media_type',
  'validation_failed',
];
/** Of whatever looks at the caller and asks the database. */
export const CALLER_REFUSALS: ApiErrorCode[] = [
  'unauthorized',
  'rate_limited',
  'internal',
  'temporarily_unavailable',
];
