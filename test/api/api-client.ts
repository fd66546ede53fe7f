import assert from 'node:assert/strict';
import type { TestStack } from '../support/test-stack.ts';
import { checkAnswer } from './contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: what comes over the wire has whatever shape the test then asserts
export type Json = any;
export type Answer = { status: number; headers: Headers; text: string; body: Json };

export const GENERATE = '/ai/generate';
export const IMAGES = '/ai/generated-images';
export const UNKNOWN_ID = '0198b8a0-1111-7222-8333-444455556666';

/**
 * The API over plain HTTP, as one caller: without a token, nobody in particular. Every answer is held to the OpenAPI
 * document, so that each test of the API is one of its contract.
 */
export function createApiClient(url: string, token?: string) {
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };

  const send = async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(url + path, {
      ...init,
      method,
      headers: { ...authorization, ...(init.headers as Record<string, string>) },
    });
    const { status, headers } = response;
    const text = isStream(headers) ? await readBeginning(response) : await response.text();
    // Behind a redirect somebody else answers.
    if (!response.redirected) checkAnswer(method, path, { status, headers, text });
    const isJson = /json/.test(headers.get('content-type') ?? '') && text !== '';
    return { status, headers, text, body: isJson ? JSON.parse(text) : null };
  };
  /** A POST of exactly this text or these bytes, as application/json unless told otherwise. */
  const postRaw = (body: RequestInit['body'] | undefined, headers: Record<string, string> = {}) =>
    send('POST', GENERATE, {
      ...(body === undefined ? {} : { body }),
      headers: { 'content-type': 'application/json', ...headers },
    });

  return {
    send,
    postRaw,
    get: (path: string, headers: Record<string, string> = {}) => send('GET', path, { headers }),
    generate: (fields: unknown, headers: Record<string, string> = {}) =>
      postRaw(JSON.stringify(fields), headers),
    read: (id: string) => send('GET', `${IMAGES}/${id}`),
    history: (query = '') => send('GET', `${IMAGES}${query}`),
    /** A new image's record. */
    async submit(fields: Record<string, unknown> = {}): Promise<Json> {
      const answer = await postRaw(JSON.stringify({ prompt: 'A quiet harbour', ...fields }));
      assert.equal(answer.status, 202, answer.text);
      return answer.body;
    },
  };
}
const isStream = (headers: Headers) => headers.get('content-type')?.startsWith('text/event-stream') ?? false;

/** Of what has no end: what came first. */
async function readBeginning(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const first = await reader?.read();
  await reader?.cancel();
  return new TextDecoder().decode(first?.value);
}

export type ApiClient = ReturnType<typeof createApiClient>;

const PROBLEM_MEMBERS = [
  'code',
  'detail',
  'errors',
  'instance',
  'request_id',
  'retry_after_seconds',
  'retryable',
  'status',
  'title',
  'type',
];

/** Holds a refusal to the contract: status, code, every documented member, and nothing of the inside. */
export function assertProblem(answer: Answer, status: number, code: string): void {
  const { headers, body, text } = answer;
  assert.equal(answer.status, status, text);
  assert.equal(body?.code, code, text);
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.deepEqual(Object.keys(body).sort(), PROBLEM_MEMBERS);
  assert.equal(body.status, status);
  assert.equal(body.request_id, headers.get('request-id'));
  assert.equal(body.retryable, [409, 429, 503].includes(status) || code === 'image_not_ready');
  const retryAfter = headers.get('retry-after');
  assert.equal(body.retry_after_seconds, retryAfter === null ? null : Number(retryAfter));
  // What zod calls a check of ours: a client cannot decide by that.
  for (const error of body.errors) assert.notEqual(error.code, 'custom', text);
  for (const member of ['title', 'detail', 'type', 'instance']) assert.equal(typeof body[member], 'string');
  assert.doesNotMatch(text, /node_modules|\.ts:\d|\bat .+:\d+:\d+|PGRST|eyJ/);
}

/** The pointers of the fields that a refusal names, sorted. */
export function pointersOf(answer: Answer): string[] {
  for (const error of answer.body.errors) {
    assert.deepEqual(Object.keys(error).sort(), ['code', 'detail', 'pointer']);
  }
  return answer.body.errors.map((error: { pointer: string }) => error.pointer).sort();
}

/** What a request that is refused must leave as it was. */
export async function countWritten(stack: TestStack): Promise<Json> {
  const [counts] = await stack.sql(
    'select (select count(*) from generated_images) as images, (select count(*) from lanes) as lanes',
  );
  return counts;
}
