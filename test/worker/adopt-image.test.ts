import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import { createStorage } from '../../src/shared/storage.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, MODEL } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  await stack.startWorker();
  // Beating for a whole lease is what lets a worker judge others.
  await stack.sql(`update public.workers set unbroken_since = now() - interval '1 hour'`);
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

type Died = {
  id?: string;
  workerId?: string;
  canceled?: boolean;
  attempt?: number;
  billable_calls?: number;
  failures?: number;
  error?: object;
};

/** A row whose worker has died in the middle of an attempt; whoever looks next takes it over. */
async function leaveBehind({ id = uuidv7(), attempt = 1, ...rest }: Died): Promise<string> {
  const { workerId = randomUUID(), canceled = false, billable_calls = 1, failures = 0, error = null } = rest;
  await stack.sql(
    `insert into public.generated_images (
       id, prompt, full_prompt, model, lane_key, status, completed_at, deadline_at, started_at, released_at,
       release_epoch, claim_id, worker_id, attempt, billable_calls, failures, error, cancel_requested_at
     ) values ($1, 'x', $2, $3, 'test', 'processing', null, now() + interval '10 minutes', now(), now(),
       1, gen_random_uuid(), $4, $5, $6, $7, $8, case when $9 then now() end)`,
    [
      id,
      `x [[sim:bytes=1024; key=${id}]]`,
      MODEL,
      workerId,
      attempt,
      billable_calls,
      failures,
      error,
      canceled,
    ],
  );
  return id;
}

/** Uploads an image as an attempt does. */
async function storeAttempt(id: string, attempt: number): Promise<void> {
  const storage = createStorage(stack.supabase, stack.supabaseUrl);
  const content = await plainPicture(24, 16);
  const image = { content, bytes: content.length };
  await storage.uploadImage(`anonymous/${id}/${attempt}.png`, image, {
    model: MODEL,
    mime_type: 'image/png',
    width: 24,
    height: 16,
    sha256: `the hash of attempt ${attempt}`,
    usage: { input_tokens: 100, output_tokens: 1620, total_tokens: 1720 },
    cost_usd: 0.0375,
    upstream_ms: 1_234,
    warnings: [{ code: 'unusual_finish', message: 'Gemini ended with OTHER.' }],
  });
}

async function storeStray(id: string, name: string): Promise<void> {
  const bytes = await plainPicture(8, 8);
  await stack.supabase.storage
    .from('generated-images')
    .upload(`anonymous/${id}/${name}`, bytes, { contentType: 'image/png' });
}

for (const { what, ...died } of [
  { what: 'after its upload', billable_calls: 1 },
  { what: 'after its upload, with no call left', billable_calls: 2 },
  { what: 'after its upload, with its failures used up', failures: 5, billable_calls: 2 },
]) {
  test(`the image of an attempt that died ${what} is adopted without a call`, async () => {
    const id = uuidv7();
    await storeAttempt(id, 1);
    await leaveBehind({ id, ...died });

    const row = await generations.waitForEnd(id);

    assert.deepEqual([row.status, row.attempt, row.storage_path], ['succeeded', 2, `anonymous/${id}/1.png`]);
    assert.deepEqual([row.width, row.height, row.mime_type], [24, 16, 'image/png']);
    assert.equal(row.sha256, 'the hash of attempt 1');
    assert.deepEqual(row.usage, { input_tokens: 100, output_tokens: 1620, total_tokens: 1720 });
    assert.deepEqual([Number(row.cost_usd), row.timings?.upstream_ms], [0.0375, 1_234]);
    assert.deepEqual(
      row.warnings.map(({ code }) => code),
      ['unusual_finish'],
    );
    assert.equal(row.billable_calls, died.billable_calls);
    assert.equal(generations.calls(id), 0);
    const file = await fetch(row.image_url ?? '');
    assert.equal((await file.bytes()).length, row.bytes);
  });
}

test('of several stored images the newest attempt is adopted, and the others are removed', async () => {
  const id = uuidv7();
  for (const attempt of [2, 9, 10]) await storeAttempt(id, attempt);
  await leaveBehind({ id, attempt: 10 });

  const row = await generations.waitForEnd(id);

  assert.equal(row.storage_path, `anonymous/${id}/10.png`);
  await waitForObjects(id, ['10.png']);
});

test('an object that is none of ours is not adopted, and goes once there is an image', async () => {
  const id = uuidv7();
  await storeStray(id, '1.png');
  await leaveBehind({ id });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.storage_path], ['succeeded', `anonymous/${id}/2.png`]);
  assert.deepEqual([row.billable_calls, generations.calls(id)], [2, 1]);
  await waitForObjects(id, ['2.png']);
});

test('with nothing to adopt and no call left, the outcome is unknown', async () => {
  const id = await leaveBehind({ attempt: 2, billable_calls: 2 });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.error_code, row.error?.retryable], ['failed', 'outcome_unknown', true]);
  assert.deepEqual([row.billable_calls, generations.calls(id)], [2, 0]);
});

test('with nothing to adopt and its failures used up, a row fails as it last did', async () => {
  const error = { code: 'upstream_error', message: 'Gemini failed.', retryable: true };
  const id = await leaveBehind({ attempt: 5, failures: 5, error });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.error], ['failed', error]);
  assert.equal(generations.calls(id), 0);
});

test('an attempt that died before its call is made again', async () => {
  const id = await leaveBehind({});

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.attempt, generations.calls(id)], ['succeeded', 2, 1]);
});

test('a canceled row whose worker died is canceled, and its image goes in time', async () => {
  const id = uuidv7();
  await storeAttempt(id, 1);
  await leaveBehind({ id, canceled: true });

  const row = await generations.waitForEnd(id);
  await stack.sql('update public.storage_cleanup set due_at = now() where image_id = $1', [id]);

  assert.deepEqual([row.status, row.attempt, generations.calls(id)], ['canceled', 1, 0]);
  await waitForObjects(id, []);
});

test('a worker that lives is left its row', async () => {
  const workerId = randomUUID();
  await stack.sql(
    `insert into public.workers (id, host, concurrency, beat_at) values ($1, 'elsewhere', 1, now() + interval '1 minute')`,
    [workerId],
  );
  const id = await leaveBehind({ workerId });
  const other = await leaveBehind({});

  await generations.waitForEnd(other);

  const row = await generations.row(id);
  await stack.sql('delete from public.workers where id = $1', [workerId]);
  assert.deepEqual([row.status, row.worker_id, row.attempt], ['processing', workerId, 1]);
});

/** Clean-up comes after the end; it is over when the folder holds just these. */
async function waitForObjects(id: string, names: string[]): Promise<void> {
  await generations.waitFor(async () => {
    assert.deepEqual(await generations.objects(id), names);
  });
}
