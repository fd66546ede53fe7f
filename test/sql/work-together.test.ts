import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, afterEach, describe } from 'node:test';
import { errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import type { Held } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());
afterEach(() => generations.clear());

const set = (id: string, assignment: string) =>
  db.sql(`update public.generated_images set ${assignment} where id = $1`, [id]);
const asked = (id: string): Held => ({ id, claim_id: randomUUID() });
const pause = (scope: string, seconds: number) =>
  db.sql(`insert into public.pauses (scope, until) values ($1, now() + make_interval(secs => $2))`, [
    scope,
    seconds,
  ]);
const claimsOf = (held: Held[]) => held.map(({ claim_id }) => claim_id).toSorted();
const pauses = () => db.sql<{ scope: string }>('select scope from public.pauses order by 1');

/** All of a row and its events but what differs from row to row: ids, and times when they are set. */
async function storyOf(id: string) {
  const row = { ...(await generations.row(id)) } as Record<string, unknown>;
  for (const name of ['id', 'root_id', 'claim_id', 'timings']) delete row[name];
  for (const name of ['image_url', 'storage_path', 'thumbnail_path'])
    row[name] = row[name] && String(row[name]).replaceAll(id, 'its-id');
  for (const name of Object.keys(row).filter((one) => one.endsWith('_at'))) row[name] = row[name] !== null;
  return { row, events: await generations.events(id) };
}

/** The same rows twice: what is done with one by one, and with all together, has to come to the same. */
const PENDING: Record<string, string> = {
  'a fresh row': `failures = 0`,
  'a row with failures': `failures = 4, billable_calls = 1, attempt = 3, error = '{"code": "upstream_error"}'`,
  'a row without a call left': `billable_calls = 2, attempt = 2`,
};

describe('claims of several images', () => {
  test('come to what claims of each of them come to', async () => {
    const worker = randomUUID();
    const made = async () => {
      const ids: string[] = [];
      for (const assignment of Object.values(PENDING)) {
        const id = await generations.addPending({ released: true });
        await set(id, assignment);
        ids.push(id);
      }
      return ids;
    };
    const [together, alone] = [await made(), await made()];

    const { claimed, rest } = await generations.claimTogether(worker, together.map(asked).reverse());
    const expected = await Promise.all(alone.map((id) => generations.claim(id, worker, randomUUID())));

    assert.deepEqual(rest, []);
    for (const [index, id] of together.entries()) {
      const what = Object.keys(PENDING)[index];
      const row = claimed.find((one) => one.id === id);
      const { folder, call_allowed, attempt, failures, billable_calls } = expected[index] ?? {};
      assert.deepEqual(
        [row?.folder, row?.call_allowed, row?.attempt, row?.failures, row?.billable_calls],
        [folder?.replace(String(alone[index]), id), call_allowed, attempt, failures, billable_calls],
        what,
      );
      assert.deepEqual(await storyOf(id), await storyOf(String(alone[index])), what);
    }
  });

  test('answer every field of a row that claim_generation answers, and nothing else but its own', async () => {
    const id = await generations.addPending({ released: true, user_id: await db.createUser() });
    const claim = asked(id);
    const { claimed } = await generations.claimTogether(randomUUID(), [claim]);

    const again = await generations.claim(id, randomUUID(), claim.claim_id);

    assert.partialDeepStrictEqual(again, claimed[0]);
  });

  test('leave to claim_generation whatever is not ordinary, and untouched', async () => {
    const ids = {
      ordinary: await generations.addPending({ released: true }),
      unreleased: await generations.addPending(),
      late: await generations.addPending({ released: true }),
      toBeCanceled: await generations.addPending({ released: true }),
      processing: (await generations.addProcessing()).id,
      canceled: await generations.addPending(),
      paused: await generations.addPending({ released: true, model: 'model-b' }),
      probing: await generations.addPending({ released: true, model: 'model-c' }),
      gone: randomUUID(),
    };
    await generations.passDeadline(ids.late);
    await generations.requestCancel(ids.toBeCanceled);
    await set(ids.canceled, `status = 'canceled', completed_at = now()`);
    await pause('model:model-b', 60);
    await pause('operator:model:model-c', -1);
    const { ordinary, ...others } = ids;
    const before = await Promise.all(Object.values(others).map(generations.row));
    const claims = Object.values(ids).map(asked);

    const { claimed, rest } = await generations.claimTogether(randomUUID(), claims);

    assert.deepEqual(
      claimed.map(({ id }) => id),
      [ordinary],
    );
    assert.deepEqual(rest.toSorted(), claimsOf(claims.slice(1)));
    assert.deepEqual(await Promise.all(Object.values(others).map(generations.row)), before);
  });

  test('do not wait for a row that somebody else has locked', async () => {
    const [locked, free] = [
      await generations.addPending({ released: true }),
      await generations.addPending({ released: true }),
    ];
    const other = await db.connect({ asOwner: true });
    await other.query('begin');
    await other.query('select from public.generated_images where id = $1 for update', [locked]);
    const claims = [asked(locked), asked(free)];

    const { claimed, rest } = await generations.claimTogether(randomUUID(), claims);

    await other.query('rollback');
    other.release();
    assert.deepEqual([claimed.map(({ id }) => id), rest], [[free], [claims[0]?.claim_id]]);
  });

  test('of one row, in one call and in many at once, are one claim', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 10; n += 1) ids.push(await generations.addPending({ released: true }));

    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => {
        const order = n % 2 ? ids : ids.toReversed();
        return generations.claimTogether(randomUUID(), [...order, ...order].map(asked));
      }),
    );

    const claimed = answers.flatMap((answer) => answer.claimed.map(({ id }) => id));
    assert.deepEqual(claimed.toSorted(), ids.toSorted());
    for (const id of ids) assert.equal((await generations.row(id))?.attempt, 1);
    for (const answer of answers) assert.equal(answer.claimed.length + answer.rest.length, 20);
  });
});

describe('completions of several images', () => {
  const IMAGES: Record<string, Record<string, unknown>> = {
    'a plain image': {},
    'an image without a thumbnail': { thumbnail_path: null },
    'an adopted image': { billed: false, cost_usd: 0, usage: null },
    'an image with warnings': { warnings: [{ code: 'a', message: 'b' }], width: 7, usage: null },
  };

  test('come to what completions of each of them come to', async () => {
    const made = async () => {
      const rows: { id: string; claim_id: string; image: Record<string, unknown> }[] = [];
      for (const image of Object.values(IMAGES)) {
        const { id, claimId } = await generations.addProcessingAgain(2, { worker: worker });
        await set(id, `usage = '{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}', cost_usd = 0.5`);
        rows.push({ id, claim_id: claimId, image });
      }
      return rows;
    };
    const worker = randomUUID();
    const [together, alone] = [await made(), await made()];

    const { completed, rest } = await generations.completeTogether(together.toReversed());
    for (const { id, claim_id, image } of alone) await generations.complete(id, claim_id, image);

    assert.deepEqual(rest, []);
    for (const [index, { id, claim_id }] of together.entries()) {
      const what = Object.keys(IMAGES)[index];
      const timings = completed.find((one) => one.claim_id === claim_id)?.timings ?? {};
      assert.deepEqual(Object.keys(timings), ['queue_ms', 'total_ms', 'upload_ms', 'upstream_ms'], what);
      assert.deepEqual(await storyOf(id), await storyOf(String(alone[index]?.id)), what);
    }
  });

  test('leave to complete_generation whatever is not ordinary, and untouched', async () => {
    const [ordinary, stolen, toBeCanceled, done, untidy] = [
      await generations.addProcessing(),
      await generations.addProcessing(),
      await generations.addProcessing(),
      await generations.addProcessing(),
      await generations.addProcessing(),
    ];
    await generations.requestCancel(toBeCanceled.id);
    await generations.complete(done.id, done.claimId);
    const others = [
      { id: stolen.id, claim_id: randomUUID() },
      { id: toBeCanceled.id, claim_id: toBeCanceled.claimId },
      { id: done.id, claim_id: done.claimId },
      {
        id: untidy.id,
        claim_id: untidy.claimId,
        image: { stray_path: `anonymous/${untidy.id}/1.thumb.webp` },
      },
      { id: randomUUID(), claim_id: randomUUID() },
    ];
    const before = await Promise.all(others.map(({ id }) => generations.row(id)));

    const { completed, rest } = await generations.completeTogether([
      ...others,
      { id: ordinary.id, claim_id: ordinary.claimId },
    ]);

    assert.deepEqual(
      completed.map(({ claim_id }) => claim_id),
      [ordinary.claimId],
    );
    assert.deepEqual(rest.toSorted(), claimsOf(others));
    assert.deepEqual(await Promise.all(others.map(({ id }) => generations.row(id))), before);
  });

  test('one of which breaks a rule change nothing at all', async () => {
    const [good, bad] = [await generations.addProcessing(), await generations.addProcessing()];

    const refused = await errorCode(
      generations.completeTogether([
        { id: good.id, claim_id: good.claimId },
        { id: bad.id, claim_id: bad.claimId, image: { image_url: null } },
      ]),
    );

    assert.equal(refused, '23514');
    assert.equal((await generations.row(good.id))?.status, 'processing');
  });

  test('end the probes of their models, and only when something was called', async () => {
    const [adopted, made] = [await generations.addProcessing(), await generations.addProcessing()];
    for (const scope of ['operator', 'operator:model:model-a', 'model:model-a', 'model:model-b'])
      await pause(scope, -1);
    await pause('project', 60);

    await generations.completeTogether([
      { id: adopted.id, claim_id: adopted.claimId, image: { billed: false } },
    ]);
    const afterAdopted = await pauses();
    await generations.completeTogether([{ id: made.id, claim_id: made.claimId }]);

    assert.equal(afterAdopted.length, 5);
    assert.deepEqual(
      (await pauses()).map(({ scope }) => scope),
      ['model:model-b', 'project'],
    );
  });
});
