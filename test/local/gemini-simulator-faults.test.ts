import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiError } from '@google/genai';
import { type GeminiSimulator, startGeminiSimulator } from '../../src/local/gemini/simulator.ts';
import { createGenerate, type Generate } from './gemini-client.ts';

type ErrorDetail = {
  '@type': string;
  reason?: string;
  retryDelay?: string;
  violations?: { quotaId: string }[];
};
type SeenError = { code: number; status?: string; message: string; details?: ErrorDetail[] };

const API_ERRORS: [fault: string, httpStatus: number, status: string, billed: boolean | 'maybe'][] = [
  ['429-minute', 429, 'RESOURCE_EXHAUSTED', false],
  ['429-day', 429, 'RESOURCE_EXHAUSTED', false],
  ['429-spend', 429, 'RESOURCE_EXHAUSTED', false],
  ['429-bare', 429, 'RESOURCE_EXHAUSTED', false],
  ['402', 402, 'RESOURCE_EXHAUSTED', false],
  ['400-key', 400, 'INVALID_ARGUMENT', false],
  ['400-argument', 400, 'INVALID_ARGUMENT', false],
  ['400-precondition', 400, 'FAILED_PRECONDITION', false],
  ['403', 403, 'PERMISSION_DENIED', false],
  ['403-suspended', 403, 'PERMISSION_DENIED', false],
  ['404', 404, 'NOT_FOUND', false],
  ['408', 408, 'DEADLINE_EXCEEDED', 'maybe'],
  ['500', 500, 'INTERNAL', false],
  ['502-empty', 502, 'Bad Gateway', 'maybe'],
  ['503', 503, 'UNAVAILABLE', false],
  ['503-html', 503, 'Service Unavailable', false],
  ['504', 504, 'DEADLINE_EXCEEDED', 'maybe'],
];

const BROKEN_ANSWERS: [fault: string, name: string, message: RegExp, code: string | undefined][] = [
  ['500-broken-json', 'SyntaxError', /JSON/, undefined],
  ['html-200', 'SyntaxError', /Unexpected token '<'/, undefined],
  ['empty-200', 'SyntaxError', /Unexpected end of JSON input/, undefined],
  ['truncated-json', 'SyntaxError', /Unterminated string in JSON/, undefined],
  ['short-body', 'TypeError', /^terminated$/, 'UND_ERR_SOCKET'],
  ['reset-mid-body', 'TypeError', /^terminated$/, 'ECONNRESET'],
  ['reset-before-headers', 'TypeError', /^fetch failed$/, 'ECONNRESET'],
];

describe('instead of an answer, the Gemini simulator', () => {
  let simulator: GeminiSimulator;
  let generate: Generate;
  before(async () => {
    simulator = await startGeminiSimulator({ host: '127.0.0.1', port: 0, defaults: { bytes: 1024 } });
    generate = createGenerate(simulator.url);
  });
  after(() => simulator.close());

  const promptFor = (fault: string) => `a cup [[sim:fault=${fault}]]`;
  const failed = (fault: string): Promise<Error> =>
    generate(promptFor(fault)).then(
      () => assert.fail('resolved'),
      (error) => error,
    );
  const detailsOf = async (fault: string): Promise<SeenError> =>
    JSON.parse((await failed(fault)).message).error;
  const lastCall = (fault: string) => simulator.control.callsOf(promptFor(fault)).calls.at(-1);

  for (const [fault, httpStatus, status, billed] of API_ERRORS) {
    it(`${fault} is an ApiError`, async () => {
      const error = await failed(fault);
      assert.ok(error instanceof ApiError);
      assert.equal(error.status, httpStatus);
      const seen = JSON.parse(error.message).error;
      assert.deepEqual([seen.code, seen.status], [httpStatus, status]);
      const call = lastCall(fault);
      assert.deepEqual([call?.fault, call?.status, call?.billed], [fault, httpStatus, billed]);
    });
  }

  for (const [fault, name, message, code] of BROKEN_ANSWERS) {
    it(`${fault} is a ${name}`, async () => {
      const error = await failed(fault);
      assert.equal(error.name, name);
      assert.match(error.message, message);
      assert.equal((error.cause as NodeJS.ErrnoException | undefined)?.code, code);
    });
  }

  it('429-minute tells the quota and a delay, which can be chosen or left out', async () => {
    const delayOf = async (fault: string) =>
      (await detailsOf(fault)).details?.find((detail) => detail['@type'].endsWith('RetryInfo'))?.retryDelay;
    const { details } = await detailsOf('429-minute');
    assert.match(details?.find((detail) => detail.violations)?.violations?.[0]?.quotaId ?? '', /PerMinute/);
    assert.equal(await delayOf('429-minute'), '27s');
    assert.equal(await delayOf('429-minute:0.5s'), '0.5s');
    assert.equal(await delayOf('429-minute:none'), undefined);
  });

  it('the other 429s and the key have their own marks', async () => {
    const { details } = await detailsOf('429-day');
    assert.match(details?.find((detail) => detail.violations)?.violations?.[0]?.quotaId ?? '', /PerDay/);
    const spend = await detailsOf('429-spend');
    assert.match(spend.message, /spend-based rate limit/);
    assert.equal(spend.details, undefined);
    assert.equal((await detailsOf('429-bare')).details, undefined);
    assert.equal((await detailsOf('400-key')).details?.[0]?.reason, 'API_KEY_INVALID');
  });

  for (const fault of ['hang', 'hang-body']) {
    it(`${fault} ends when the client aborts, and by its timeout`, async () => {
      const leave = new AbortController();
      const call = generate(promptFor(fault), { signal: leave.signal });
      await simulator.control.waitForCall(promptFor(fault));
      leave.abort();
      await assert.rejects(call, { name: 'AbortError' });
      await assert.rejects(generate(promptFor(fault), { timeout: 50 }), { name: 'AbortError' });
      await simulator.control.waitForCall(promptFor(fault), 2, 'aborted');
      assert.equal(lastCall(fault)?.billed, 'maybe');
      assert.equal(lastCall(fault)?.status, fault === 'hang' ? null : 200);
    });
  }
});
