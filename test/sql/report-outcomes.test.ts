import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { ERROR, newImage } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const USAGE = { input_tokens: 10, output_tokens: 20, total_tokens: 30 };
const PAID = { p_billed: true, p_cost_usd: 0.1, p_usage: JSON.stringify(USAGE) };

/** Claims a row that came back. */
async function claimAgain(id: string): Promise<string> {
  const claimId = randomUUID();
  await generations.markReleased(id);
  assert.ok(await generations.claim(id, randomUUID(), claimId));
  return claimId;
}

test('a completed image keeps everything that its worker measured', async () => {
  const held = await generations.addProcessing();
  const image = newImage(held.id, { warnings: [{ code: 'resized', message: 'It was.' }] });

  const row = await generations.complete(held.id, held.claimId, image);

  const { billed, upstream_ms, upload_ms, cost_usd, ...columns } = image;
  assert.partialDeepStrictEqual(row, {
    ...columns,
    status: 'succeeded',
    billable_calls: billed ? 1 : 0,
    cost_usd,
    timings: { upstream_ms, upload_ms },
    error: null,
    error_code: null,
  });
  assert.notEqual(row?.completed_at, null);
});

test('what may have been stored beside an image is looked over, and nothing else of a first attempt', async () => {
  const [held, other] = [await generations.addProcessing(), await generations.addProcessing()];
  const stray = `anonymous/${held.id}/1.thumb.webp`;

  await generations.complete(held.id, held.claimId, { thumbnail_path: null, stray_path: stray });
  await generations.complete(other.id, other.claimId);

  const planned = await db.sql(
    'select folder, is_object, image_id from public.storage_cleanup where image_id = any ($1)',
    [[held.id, other.id]],
  );
  assert.deepEqual(planned, [{ folder: stray, is_object: true, image_id: held.id }]);
});

test('an adopted image counts no call of its own', async () => {
  const held = await generations.addProcessing();

  const row = await generations.complete(held.id, held.claimId, { billed: false });

  assert.equal(row?.billable_calls, 0);
});

test('cost and usage of all calls of an image add up', async () => {
  const held = await generations.addProcessing();
  await generations.giveBack(held.id, held.claimId, { p_failure: true, ...PAID });

  const row = await generations.complete(held.id, await claimAgain(held.id), {
    cost_usd: 0.25,
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  });

  assert.equal(row?.cost_usd, 0.35);
  assert.deepEqual(row?.usage, { input_tokens: 11, output_tokens: 21, total_tokens: 32 });
  assert.equal(row?.billable_calls, 2);
});

test('an image without known usage keeps the usage of earlier calls', async () => {
  const held = await generations.addProcessing();
  await generations.giveBack(held.id, held.claimId, { p_failure: true, ...PAID });

  const row = await generations.complete(held.id, await claimAgain(held.id), { usage: null, cost_usd: 0 });

  assert.deepEqual(row?.usage, USAGE);
  assert.equal(row?.cost_usd, 0.1);
});

test('a failed image keeps its reason, and the cost of its call', async () => {
  const held = await generations.addProcessing();

  const row = await generations.fail(held.id, held.claimId, PAID);

  assert.partialDeepStrictEqual(row, {
    status: 'failed',
    error_code: ERROR.code,
    error: ERROR,
    failures: 1,
    billable_calls: 1,
    cost_usd: 0.1,
    usage: USAGE,
    image_url: null,
  });
});

test('a call that was surely not billed is taken back when its image fails', async () => {
  const held = await generations.addProcessing();

  const row = await generations.fail(held.id, held.claimId, { p_billed: false });

  assert.equal(row?.billable_calls, 0);
});

for (const failure of [true, false]) {
  for (const billed of [true, false]) {
    test(`an image that comes back ${failure ? 'after a failure' : 'unharmed'} and ${billed ? '' : 'not '}billed counts just that`, async () => {
      const held = await generations.addProcessing();

      const row = await generations.giveBack(held.id, held.claimId, { p_failure: failure, p_billed: billed });

      assert.partialDeepStrictEqual(row, {
        status: 'pending',
        failures: Number(failure),
        billable_calls: Number(billed),
        attempt: 1,
        claim_id: null,
        worker_id: null,
        released_at: null,
        completed_at: null,
      });
    });
  }
}

test('an image that comes back waits for its delay', async () => {
  const held = await generations.addProcessing();

  await generations.giveBack(held.id, held.claimId, { p_delay_ms: 90_000 });

  const rows = await db.sql<{ ahead: string }>(
    `select extract(epoch from not_before - updated_at) as ahead from public.generated_images where id = $1`,
    [held.id],
  );
  assert.equal(Number(rows[0]?.ahead), 90);
});

test('the reason of an earlier attempt stays while the image is active and goes when it succeeds', async () => {
  const held = await generations.addProcessing();
  await generations.giveBack(held.id, held.claimId, { p_failure: true, p_error: JSON.stringify(ERROR) });
  const claimId = await claimAgain(held.id);
  const active = await generations.row(held.id);

  const ended = await generations.complete(held.id, claimId);

  assert.deepEqual([active?.error, ended?.error], [ERROR, null]);
});

test('the reason of an earlier attempt goes when the image is canceled', async () => {
  const held = await generations.addProcessing();
  await generations.giveBack(held.id, held.claimId, { p_failure: true, p_error: JSON.stringify(ERROR) });
  const claimId = await claimAgain(held.id);
  await generations.requestCancel(held.id);

  await generations.complete(held.id, claimId);

  assert.partialDeepStrictEqual(await generations.row(held.id), { status: 'canceled', error: null });
});

test('a worker that lost an image can ask how it ended, and learns when it is gone', async () => {
  const held = await generations.addProcessing();
  await generations.complete(held.id, held.claimId);

  const ends = await db.sql<{ end: unknown }>('select public.get_generation_end($1) as end', [held.id]);
  const gone = await db.sql('select public.get_generation_end($1)', [randomUUID()]);

  assert.deepEqual(ends, [{ end: { status: 'succeeded', storage_path: `anonymous/${held.id}/1.png` } }]);
  assert.deepEqual(gone, []);
});
