import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const CHECK_VIOLATION = '23514';
const RAISED = 'P0001';
const set = (id: string, assignment: string) =>
  errorCode(db.sql(`update public.generated_images set ${assignment} where id = $1`, [id]));

const MAKE = {
  pending: () => generations.addPending({ released: true }),
  processing: async () => (await generations.addProcessing()).id,
  succeeded: async () => {
    const held = await generations.addProcessing();
    await generations.complete(held.id, held.claimId);
    return held.id;
  },
  failed: async () => {
    const held = await generations.addProcessing();
    await generations.fail(held.id, held.claimId);
    return held.id;
  },
  canceled: async () => {
    const held = await generations.addProcessing();
    await generations.requestCancel(held.id);
    await generations.giveBack(held.id, held.claimId);
    return held.id;
  },
  expired: async () => {
    const id = await generations.addPending();
    await generations.passDeadline(id);
    await generations.expire();
    return id;
  },
};
const STATUSES = Object.keys(MAKE) as (keyof typeof MAKE)[];

/** What every state's row would need, so that only the guard can refuse. */
const FIELDS: Record<string, string> = {
  pending: `completed_at = null, image_url = null, error_code = null, claim_id = null, worker_id = null`,
  processing: `completed_at = null, image_url = null, error_code = null, claim_id = gen_random_uuid(),
    worker_id = gen_random_uuid(), started_at = now()`,
  succeeded: `image_url = 'u', error_code = null, completed_at = now()`,
  failed: `error_code = 'x', image_url = null, completed_at = now()`,
  canceled: `error_code = null, image_url = null, completed_at = now()`,
  expired: `error_code = 'x', image_url = null, completed_at = now()`,
};

for (const from of STATUSES.slice(2)) {
  test(`an image that has ended as ${from} can never become anything else`, async () => {
    const id = await MAKE[from]();
    const before = await generations.row(id);

    const codes = [];
    for (const to of STATUSES.filter((status) => status !== from))
      codes.push(await set(id, `status = '${to}', ${FIELDS[to]}`));

    assert.deepEqual(codes, Array(5).fill(RAISED));
    assert.deepEqual(await generations.row(id), before);
  });
}

/** Assignments that would make a row no state can have. */
const IMPOSSIBLE: Record<(typeof STATUSES)[number], string[]> = {
  pending: [
    `image_url = 'u'`,
    'completed_at = now()',
    `error_code = 'x'`,
    'claim_id = gen_random_uuid()',
    'worker_id = gen_random_uuid()',
    'deadline_at = null',
    'lane_key = null',
    'model = null',
    `status = 'waiting'`,
    `status = 'processing'`,
    `status = 'succeeded', completed_at = now()`,
    `status = 'succeeded', image_url = 'u'`,
    `status = 'failed', completed_at = now()`,
    `status = 'expired', completed_at = now()`,
    `status = 'canceled'`,
    `status = 'canceled', completed_at = now(), error_code = 'x'`,
  ],
  processing: [
    `image_url = 'u'`,
    'completed_at = now()',
    `error_code = 'x'`,
    'claim_id = null',
    'worker_id = null',
    'started_at = null',
    'deadline_at = null',
    'lane_key = null',
    'model = null',
  ],
  succeeded: ['image_url = null', 'completed_at = null', `error_code = 'x'`],
  failed: ['error_code = null', `image_url = 'u'`, 'completed_at = null'],
  canceled: [`error_code = 'x'`, `image_url = 'u'`, 'completed_at = null'],
  expired: ['error_code = null', `image_url = 'u'`, 'completed_at = null'],
};

for (const status of STATUSES) {
  for (const assignment of IMPOSSIBLE[status]) {
    test(`no ${status} image can have ${assignment}`, async () => {
      const id = await MAKE[status]();

      assert.equal(await set(id, assignment), CHECK_VIOLATION);
    });
  }
}

test('no impossible image can be inserted either', async () => {
  const insert = (columns: string, values: string) =>
    errorCode(
      db.sql(
        `insert into public.generated_images (id, prompt, full_prompt, ${columns}) values ($1, 'a', 'a', ${values})`,
        [randomUUID()],
      ),
    );

  assert.equal(await insert('image_url', 'null'), CHECK_VIOLATION);
  assert.equal(await insert('image_url, completed_at', `'u', null`), CHECK_VIOLATION);
  assert.equal(await insert('status, completed_at', `'pending', null`), CHECK_VIOLATION);
  assert.equal(await insert('status, error_code', `'pending', 'x'`), CHECK_VIOLATION);
});

test('an image cannot fail without a code', async () => {
  const held = await generations.addProcessing();

  const code = await errorCode(generations.fail(held.id, held.claimId, { p_error: '{"message":"no code"}' }));

  assert.equal(code, CHECK_VIOLATION);
  assert.equal((await generations.row(held.id))?.status, 'processing');
});
