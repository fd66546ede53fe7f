import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { secondsToMidnightPacific } from '../../src/worker/quota-hold.ts';
import { MODEL, type Row } from '../support/generations.ts';
import { type FaultStack, type Submitted, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const OTHER_MODEL = 'gemini-3-pro-image';
/** For calls that are never answered. All others have the stack's own timeout, which no busy machine uses up. */
const SHORT_TIMEOUT = { GEMINI_TIMEOUT_MS: '4000' };

type Outcome = [status: Row['status'], code: string | null, calls: number, billable: number];

/** What an image comes to, by the fault of its calls: failures that cost nothing, and those that may have cost. */
const BROKEN: Record<string, Outcome> = {
  '503*4': ['succeeded', null, 5, 1],
  '503': ['failed', 'upstream_error', 5, 0],
  '404': ['failed', 'misconfigured', 1, 0],
  '400-argument': ['failed', 'upstream_error', 1, 0],
  'reset-before-headers*1': ['succeeded', null, 2, 2],
  'reset-before-headers': ['failed', 'upstream_error', 2, 2],
  'reset-mid-body*1': ['succeeded', null, 2, 2],
  'reset-mid-body': ['failed', 'upstream_error', 2, 2],
  'truncated-json*1': ['succeeded', null, 2, 2],
  'truncated-json': ['failed', 'upstream_error', 2, 2],
};

const SILENT: Record<string, Outcome> = {
  'hang*1': ['succeeded', null, 2, 2],
  hang: ['failed', 'upstream_timeout', 2, 2],
  '503,hang*1': ['succeeded', null, 3, 2],
};

/** A refusal is never tried again; a model that has worked for nothing is, once. */
const WITHOUT_IMAGE: Record<string, Outcome> = {
  'prompt-blocked': ['failed', 'content_blocked', 1, 1],
  'prompt-blocked:OTHER': ['failed', 'content_blocked', 1, 1],
  'finish:IMAGE_SAFETY:empty': ['failed', 'content_blocked', 1, 1],
  'finish:IMAGE_SAFETY:absent': ['failed', 'content_blocked', 1, 1],
  'finish:IMAGE_SAFETY:null': ['failed', 'content_blocked', 1, 1],
  'finish:IMAGE_SAFETY:list': ['failed', 'content_blocked', 1, 1],
  'finish:IMAGE_SAFETY:no-parts': ['failed', 'content_blocked', 1, 1],
  'no-candidates': ['failed', 'no_image', 2, 2],
  'no-candidates:empty': ['failed', 'no_image', 2, 2],
  'text-only*1': ['succeeded', null, 2, 2],
  'text-only': ['failed', 'no_image', 2, 2],
  'garbage-image*1': ['succeeded', null, 2, 2],
  'garbage-image': ['failed', 'no_image', 2, 2],
};

const UNUSUAL_IMAGE: Record<string, Outcome> = {
  drafts: ['succeeded', null, 1, 1],
  'wrong-mime': ['succeeded', null, 1, 1],
  'image-with-finish:OTHER': ['succeeded', null, 1, 1],
};

/** Makes an image for each fault at once, and compares what became of them. */
async function assertOutcomes(t: TestContext, expected: Record<string, Outcome>, env = {}): Promise<void> {
  const stack = await startFaultStack(t);
  await Promise.all([stack.startApi(), stack.startWorker({ ...env, WORKER_CONCURRENCY: '16' })]);
  const outcomes = Object.keys(expected).map(async (fault): Promise<[string, Outcome]> => {
    const image = await stack.submit(`[[sim:fault=${fault}]]`);
    const [row] = await stack.waitForEnd(image);
    return [fault, outcomeOf(stack, image, row)];
  });
  assert.deepEqual(Object.fromEntries(await Promise.all(outcomes)), expected);
  await assertInvariants(stack);
}

function outcomeOf(stack: FaultStack, { key }: Submitted, row: Row | undefined): Outcome {
  const { started } = stack.gemini.callsOf(key);
  return [row?.status ?? 'pending', row?.error_code ?? null, started, row?.billable_calls ?? -1];
}

type Pause = { scope: string; seconds: number };

const readPauses = ({ base }: FaultStack) =>
  base.sql<Pause>(
    'select scope, extract(epoch from until - now())::float8 as seconds from public.pauses order by scope',
  );

const liftPauses = ({ base }: FaultStack) => base.sql('delete from public.pauses');

/** An image whose first call met a quota waits at no cost, and the hold is there. */
async function submitHeld(stack: FaultStack, fault: string): Promise<{ image: Submitted; pause: Pause }> {
  const image = await stack.submit(`[[sim:fault=${fault}]]`);
  const row = await stack.waitUntil(image.key, (now) => now.status === 'pending' && now.error !== null);
  const [pause] = await readPauses(stack);
  assert.deepEqual(
    [row.error?.code, row.failures, row.billable_calls, stack.gemini.callsOf(image.key).started],
    ['upstream_rate_limited', 0, 0, 1],
    fault,
  );
  if (!pause) throw new Error(`${fault} holds nothing`);
  return { image, pause };
}

async function startOne(t: TestContext): Promise<FaultStack> {
  const stack = await startFaultStack(t);
  await Promise.all([stack.startApi(), stack.startWorker()]);
  return stack;
}

describe('a Gemini that', { concurrency: 2 }, () => {
  it('breaks down or off costs as many calls as may be paid for', (t) => assertOutcomes(t, BROKEN));

  it('does not answer at all costs as many calls as may be paid for', (t) =>
    assertOutcomes(t, SILENT, SHORT_TIMEOUT));

  it('answers without an image is asked once more, and never after a refusal', (t) =>
    assertOutcomes(t, WITHOUT_IMAGE));

  it('answers with an image that is not just as expected has made it', (t) =>
    assertOutcomes(t, UNUSUAL_IMAGE));

  it('asks for a second of patience has the image wait for it at no cost', async (t) => {
    const stack = await startOne(t);
    const image = await stack.submit('[[sim:fault=429-minute:1s*1]]');

    const [row] = await stack.waitForEnd(image);

    assert.deepEqual(outcomeOf(stack, image, row), ['succeeded', null, 2, 1]);
    assert.equal(row?.failures, 0);
    const [first, second] = stack.gemini.callsOf(image.key).calls;
    const waited = Date.parse(second?.started_at ?? '') - Date.parse(first?.started_at ?? '');
    assert.ok(waited >= 1_000, `it was asked again after ${waited} ms`);
    await assertInvariants(stack);
  });

  it('has had enough of a day, of spending or of credit holds calls for long, at no cost', async (t) => {
    const stack = await startOne(t);
    const holds: [string, string, number][] = [
      ['429-day:18s*1', `model:${MODEL}`, secondsToMidnightPacific(new Date())],
      ['429-spend*1', 'project', 120],
      ['402*1', 'project', 600],
    ];
    for (const [fault, scope, seconds] of holds) {
      const { image, pause } = await submitHeld(stack, fault);
      assert.equal(pause.scope, scope, fault);
      assert.ok(Math.abs(pause.seconds - seconds) < 30, `${fault} holds for ${pause.seconds} s`);

      await liftPauses(stack);
      const [row] = await stack.waitForEnd(image);
      assert.deepEqual(outcomeOf(stack, image, row), ['succeeded', null, 2, 1], fault);
    }
    await assertInvariants(stack);
  });

  it('does not accept the key fails that image and holds all others until somebody has mended it', async (t) => {
    const stack = await startOne(t);
    const image = await stack.submit('[[sim:fault=400-key]]');

    const [row] = await stack.waitForEnd(image);

    assert.deepEqual(outcomeOf(stack, image, row), ['failed', 'misconfigured', 1, 0]);
    const waiting = await stack.submit('', { fields: { model: OTHER_MODEL } });
    const [pause] = await readPauses(stack);
    assert.equal(pause?.scope, 'project');
    assert.deepEqual(outcomeOf(stack, waiting, await waiting.row()), ['pending', null, 0, 0]);
    await liftPauses(stack);
    const [made] = await stack.waitForEnd(waiting);
    assert.equal(made?.status, 'succeeded');
    await assertInvariants(stack);
  });

  it('holds one model for a minute goes on with another', async (t) => {
    const stack = await startOne(t);
    const { image, pause } = await submitHeld(stack, '429-minute:60s*1');
    assert.equal(pause.scope, `model:${MODEL}`);
    const waiting = await stack.submit();

    const [other] = await stack.waitForEnd(await stack.submit('', { fields: { model: OTHER_MODEL } }));

    assert.deepEqual([other?.status, other?.model], ['succeeded', OTHER_MODEL]);
    const [held, behind] = await Promise.all([image.row(), waiting.row()]);
    assert.deepEqual(outcomeOf(stack, image, held), ['pending', null, 1, 0]);
    assert.deepEqual(outcomeOf(stack, waiting, behind), ['pending', null, 0, 0]);
    await liftPauses(stack);
    const rows = await stack.waitForEnd(image, waiting);
    assert.deepEqual(
      rows.map(({ status, billable_calls: billable }) => [status, billable]),
      [
        ['succeeded', 1],
        ['succeeded', 1],
      ],
    );
    await assertInvariants(stack);
  });
});
