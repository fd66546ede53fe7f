import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  codesByStatus,
  headersOfAnswer,
  headersOfRefusal,
} from '../../src/api/openapi/describe-operation.ts';
import { responseHeaders } from '../../src/api/openapi/headers.ts';
import type { Answer as DocumentedAnswer, Operation } from '../../src/api/openapi/operation.ts';
import { RESOURCES } from '../../src/api/openapi/resources.ts';
import { problemDetails } from '../../src/api/problem-schema.ts';

export type WireAnswer = { status: number; headers: Headers; text: string };

export const OPERATIONS: Operation[] = RESOURCES.flatMap(({ operations }) => operations);

/** What operations have answered in this process: `getImage 200`, and of refusals `getImage 404 not_found`. */
export const seenAnswers = new Set<string>();

/** Everything that the document says an operation may answer, in the same words. */
export function documentedAnswers(operation: Operation): string[] {
  const refusals = [...codesByStatus(operation)].flatMap(([status, codes]) =>
    codes.map((code) => `${operation.operationId} ${status} ${code}`),
  );
  return [
    ...Object.keys(operation.answers).map((status) => `${operation.operationId} ${status}`),
    ...refusals,
  ];
}

/** Holds an answer to the document: its status, headers and body, with no field missing and none that it does not show. */
export function checkAnswer(method: string, path: string, answer: WireAnswer): void {
  const what = `${method} ${path} ${answer.status}`;
  const asked = path.split('?')[0]?.replace(/(?<=.)\/$/, '') ?? '';
  if (method === 'OPTIONS') return;
  const here = OPERATIONS.filter((operation) => matches(operation.path, asked));
  const operation = here.find((one) => one.method === (method === 'HEAD' ? 'get' : method.toLowerCase()));
  const isHead = method === 'HEAD';
  if (!operation) {
    checkRefusal(what, answer, [here.length > 0 ? 'method_not_allowed' : 'not_found'], isHead);
    return;
  }
  const documented = operation.answers[answer.status];
  if (documented) checkDocumented(what, answer, documented, operation, isHead);
  else checkRefusal(what, answer, codesByStatus(operation).get(answer.status) ?? [], isHead);
  const code = documented || isHead ? '' : ` ${JSON.parse(answer.text).code}`;
  seenAnswers.add(`${operation.operationId} ${answer.status}${code}`);
}

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => part === given[index] || (part.startsWith('{') && given[index] !== ''))
  );
}

function checkDocumented(
  what: string,
  answer: WireAnswer,
  documented: DocumentedAnswer,
  operation: Operation,
  isHead: boolean,
): void {
  checkHeaders(what, answer.headers, headersOfAnswer(documented, operation), Object.keys(responseHeaders));
  const { schema, contentType = 'application/json' } = documented;
  const isRedirect = answer.status === 301 || answer.status === 302;
  if (isHead || (isRedirect && !schema)) return;
  if (!schema) {
    assert.equal(answer.text, '', `${what}: a body`);
    return;
  }
  const type = answer.headers.get('content-type') ?? '';
  if (documented.other && type.startsWith(documented.other.contentType)) {
    checkBody(what, answer.text, documented.other.schema);
    return;
  }
  if (contentType !== '*/*') assert.ok(type.startsWith(contentType), `${what}: ${type}`);
  checkBody(what, contentType === 'application/json' ? JSON.parse(answer.text) : answer.text, schema);
}

function checkRefusal(what: string, answer: WireAnswer, codes: string[], isHead: boolean): void {
  assert.ok(codes.length > 0, `${what} is not documented: ${answer.text}`);
  // What the operation had said before it failed may still be there, such as Preference-Applied.
  checkHeaders(what, answer.headers, headersOfRefusal(answer.status), [
    'Retry-After',
    'WWW-Authenticate',
    'ETag',
  ]);
  const type = answer.headers.get('content-type') ?? '';
  assert.ok(type.startsWith('application/problem+json'), `${what}: ${type}`);
  if (isHead) return;
  const body = JSON.parse(answer.text);
  checkBody(what, body, problemDetails);
  assert.ok(codes.includes(body.code), `${what}: ${body.code} is none of ${codes.join(', ')}`);
}

/** `closed`: those of which none may be there without being documented. */
function checkHeaders(what: string, headers: Headers, documented: z.ZodObject, closed: string[]): void {
  const given = Object.keys(documented.shape).map((name) => [name, headers.get(name) ?? undefined]);
  checkBody(`${what}, headers`, Object.fromEntries(given), documented);
  const unknown = closed.filter((name) => headers.has(name) && !(name in documented.shape));
  assert.deepEqual(unknown, [], `${what}: headers that are not documented`);
}

function checkBody(what: string, body: unknown, schema: z.ZodType): void {
  const parsed = schema.safeParse(body);
  assert.ok(parsed.success, parsed.error && `${what}: ${z.prettifyError(parsed.error)}`);
}
