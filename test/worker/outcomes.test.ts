import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  await stack.startWorker({ WORKER_CONCURRENCY: '8', GEMINI_TIMEOUT_MS: '1500' });
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

type Outcome = {
  calls: number;
  status: 'succeeded' | 'failed';
  /** error_code, retryable and upstream of a failed row. */
  error?: [
    code: string,
    retryable: boolean,
    upstream?: { reason: string | null; http_status: number | null },
  ];
  failures: number;
  billable: number;
  warnings?: string[];
};

const http = (http_status: number, reason: string | null) => ({ reason, http_status });
const succeeded = (calls: number, rest: Partial<Outcome> = {}): Outcome => ({
  ...{ calls, status: 'succeeded', failures: calls - 1, billable: 1 },
  ...rest,
});
const failed = (calls: number, billable: number, error: Outcome['error'], failures = calls): Outcome => ({
  ...{ calls, billable, failures, status: 'failed' },
  ...(error && { error }),
});

/** What is said of a fault in Gemini's answer, by class: the row after it came once, and after it came for ever. */
const OUTCOMES: Record<string, Outcome> = {
  ok: succeeded(1),

  // Surely not billed: again and again, five failures in all.
  '503*1': succeeded(2),
  '503*4': succeeded(5),
  '503': failed(5, 0, ['upstream_error', true, http(503, 'UNAVAILABLE')]),
  '503-html*1': succeeded(2),
  '503-html': failed(5, 0, ['upstream_error', true, http(503, 'Service Unavailable')]),
  '500*3': succeeded(4),
  '500': failed(5, 0, ['upstream_error', true, http(500, 'INTERNAL')]),

  // Perhaps billed: twice at most.
  '502-empty*1': succeeded(2, { billable: 2 }),
  '502-empty': failed(2, 2, ['upstream_error', true, http(502, 'Bad Gateway')]),
  '408': failed(2, 2, ['upstream_timeout', true, http(408, 'DEADLINE_EXCEEDED')]),
  '504*1': succeeded(2, { billable: 2 }),
  '504': failed(2, 2, ['upstream_timeout', true, http(504, 'DEADLINE_EXCEEDED')]),
  '500-broken-json': failed(2, 2, ['upstream_error', true]),
  'html-200': failed(2, 2, ['upstream_error', true]),
  'empty-200': failed(2, 2, ['upstream_error', true]),
  'truncated-json*1': succeeded(2, { billable: 2 }),
  'truncated-json': failed(2, 2, ['upstream_error', true]),
  'short-body*1': succeeded(2, { billable: 2 }),
  'short-body': failed(2, 2, ['upstream_error', true, { reason: 'UND_ERR_SOCKET', http_status: null }]),
  'reset-mid-body*1': succeeded(2, { billable: 2 }),
  'reset-mid-body': failed(2, 2, ['upstream_error', true, { reason: 'ECONNRESET', http_status: null }]),
  'reset-before-headers': failed(2, 2, ['upstream_error', true, { reason: 'ECONNRESET', http_status: null }]),
  'hang*1': succeeded(2, { billable: 2 }),
  hang: failed(2, 2, ['upstream_timeout', true]),
  'hang-body': failed(2, 2, ['upstream_timeout', true]),
  '503,hang': failed(3, 2, ['upstream_timeout', true]),

  // The model worked and gave nothing usable: once more.
  'text-only*1': succeeded(2, { billable: 2 }),
  'text-only': failed(2, 2, ['no_image', true, http(200, 'STOP')]),
  'no-candidates': failed(2, 2, ['no_image', true, http(200, null)]),
  'no-candidates:empty': failed(2, 2, ['no_image', true, http(200, null)]),
  'garbage-image*1': succeeded(2, { billable: 2 }),
  'garbage-image': failed(2, 2, ['no_image', true]),
  'finish:NO_IMAGE': failed(2, 2, ['no_image', true, http(200, 'NO_IMAGE')]),
  'finish:IMAGE_OTHER:absent': failed(2, 2, ['no_image', true, http(200, 'IMAGE_OTHER')]),
  'finish:OTHER:null': failed(2, 2, ['no_image', true, http(200, 'OTHER')]),
  'finish:MALFORMED_RESPONSE:list': failed(2, 2, ['no_image', true, http(200, 'MALFORMED_RESPONSE')]),
  'finish:NEVER_SEEN_BEFORE:no-parts': failed(2, 2, ['no_image', true, http(200, 'NEVER_SEEN_BEFORE')]),

  // Refused: never again.
  'prompt-blocked': failed(1, 1, ['content_blocked', false, http(200, 'PROHIBITED_CONTENT')]),
  'prompt-blocked:OTHER': failed(1, 1, ['content_blocked', false, http(200, 'OTHER')]),
  'finish:SAFETY': failed(1, 1, ['content_blocked', false, http(200, 'SAFETY')]),
  'finish:IMAGE_SAFETY:absent': failed(1, 1, ['content_blocked', false, http(200, 'IMAGE_SAFETY')]),
  'finish:PROHIBITED_CONTENT:null': failed(1, 1, ['content_blocked', false, http(200, 'PROHIBITED_CONTENT')]),
  'finish:IMAGE_PROHIBITED_CONTENT:list': failed(1, 1, [
    ...(['content_blocked', false] as const),
    http(200, 'IMAGE_PROHIBITED_CONTENT'),
  ]),
  'finish:RECITATION:no-parts': failed(1, 1, ['content_blocked', false, http(200, 'RECITATION')]),
  'finish:IMAGE_RECITATION': failed(1, 1, ['content_blocked', false, http(200, 'IMAGE_RECITATION')]),
  'finish:BLOCKLIST': failed(1, 1, ['content_blocked', false, http(200, 'BLOCKLIST')]),
  'finish:SPII': failed(1, 1, ['content_blocked', false, http(200, 'SPII')]),
  'finish:LANGUAGE': failed(1, 1, ['content_blocked', false, http(200, 'LANGUAGE')]),
  'finish:MAX_TOKENS': failed(1, 1, ['misconfigured', false, http(200, 'MAX_TOKENS')]),
  '400-argument': failed(1, 0, ['upstream_error', false, http(400, 'INVALID_ARGUMENT')]),
  '404': failed(1, 0, ['misconfigured', false, http(404, 'NOT_FOUND')]),
  // Following it would make the POST a GET and take the API key to whoever is named there.
  'redirect-302': failed(1, 0, ['misconfigured', false, http(302, 'Found')]),

  // An image, and not just as expected.
  drafts: succeeded(1),
  jpeg: succeeded(1),
  webp: succeeded(1),
  'wrong-mime': succeeded(1),
  'slow-body:100': succeeded(1),
  'image-with-finish:OTHER': succeeded(1, { warnings: ['unusual_finish'] }),
  'image-with-finish:MAX_TOKENS': succeeded(1, { warnings: ['unusual_finish'] }),
};

describe('after Gemini answers with', { concurrency: true }, () => {
  for (const [fault, expected] of Object.entries(OUTCOMES)) {
    test(`${fault}, the row has ${expected.status} with ${expected.calls} calls`, async () => {
      const id = await generations.submit(`[[sim:fault=${fault}]]`);

      const row = await generations.waitForEnd(id);

      const { code, retryable, upstream } = row.error ?? {};
      assert.deepEqual(
        {
          status: row.status,
          calls: generations.calls(id),
          error: row.error && [code, retryable, upstream],
          failures: row.failures,
          billable: row.billable_calls,
          warnings: row.warnings.map((warning) => warning.code),
        },
        {
          status: expected.status,
          calls: expected.calls,
          error: expected.error ? [...expected.error, undefined].slice(0, 3) : null,
          failures: expected.failures,
          billable: expected.billable,
          warnings: expected.warnings ?? [],
        },
      );
      assert.equal(row.error_code, expected.error?.[0] ?? null);
      const named = new Set([row.storage_path, row.thumbnail_path].filter((path) => path !== null));
      assert.equal(row.storage_path !== null, row.status === 'succeeded');
      const stored = (await generations.objects(id)).map((name) => `anonymous/${id}/${name}`);
      assert.deepEqual(stored, [...named].sort());
    });
  }
});
