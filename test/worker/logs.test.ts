import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FaultProxy, firstTimes, startFaultProxy } from '../support/fault-proxy.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { createLogLines } from '../support/log-lines.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const SECRET_PROMPT = 'zebra crossing at midnight';
const API_KEY = 'AIza-very-secret-key';
const FAULTS = [
  'ok',
  '503*1',
  '500-broken-json*1',
  '503-html*1',
  'hang*1',
  'reset-mid-body*1',
  'truncated-json*1',
  'text-only*1',
  'garbage-image',
  'prompt-blocked',
  'finish:IMAGE_SAFETY',
  '400-argument',
  '404',
  'redirect-302',
  '429-bare*1',
  '403',
  '403-suspended',
];

let stack: TestStack;
let generations: Generations;
let supabase: FaultProxy;
const { log, lines, text, of: linesOf } = createLogLines();
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  supabase = await startFaultProxy(stack.supabaseUrl);
  const env = { SUPABASE_URL: supabase.url, GEMINI_API_KEY: API_KEY, GEMINI_TIMEOUT_MS: '300' };
  await stack.startWorker(env, log);
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await supabase.close();
});

const submitSecret = (fault: string) =>
  generations.submit(`${SECRET_PROMPT} [[sim:fault=${fault}]]`, { prompt: SECRET_PROMPT });

function assertNothingSecret(): void {
  assert.ok(lines.length > 0);
  for (const secret of [SECRET_PROMPT, API_KEY, stack.serviceRoleKey, 'sim:fault'])
    assert.ok(
      !text().includes(secret),
      lines.map((line) => JSON.stringify(line)).find((line) => line.includes(secret)),
    );
}

test('no log line tells a prompt or a key, whatever Gemini answers', async () => {
  for (const fault of FAULTS) {
    const id = await submitSecret(fault);
    if (fault.startsWith('429')) await generations.waitUntil(id, ({ error }) => error !== null);
    await stack.sql('delete from public.pauses');
    await generations.waitForEnd(id);
    await stack.sql('delete from public.pauses');
  }

  assertNothingSecret();
});

test('no log line tells a prompt or a key while the database and Storage are in trouble', async () => {
  supabase.decide(firstTimes(20, () => true, 'cut'));
  await generations.waitForEnd(await submitSecret('ok'));
  supabase.decide(firstTimes(3, ({ path }) => path.includes('/object/'), { status: 503 }));
  await generations.waitForEnd(await submitSecret('ok'));
  supabase.passAll();

  assertNothingSecret();
});

test('no log line tells a prompt when the database refuses a row and shows it', async () => {
  await stack.sql(
    'alter table public.generated_images add constraint no_small_images check (width > 1024) not valid',
  );
  const id = await submitSecret('ok');
  await generations.waitFor(async () => assert.ok(linesOf('generation.unreported').length > 0));
  await stack.sql('alter table public.generated_images drop constraint no_small_images');

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.attempt > 1, generations.calls(id)], ['succeeded', true, 1]);
  assertNothingSecret();
});

test('every transition is told by one line', async () => {
  const id = await generations.submit('[[sim:fault=503*1]]');

  await generations.waitForEnd(id);

  const told = () => lines.filter((line) => line.image_id === id).map(({ msg, attempt }) => [msg, attempt]);
  await generations.waitFor(async () =>
    assert.deepEqual(told(), [
      ['generation.claimed', 1],
      ['generation.returned', 1],
      ['generation.claimed', 2],
      ['generation.succeeded', 2],
    ]),
  );
});
