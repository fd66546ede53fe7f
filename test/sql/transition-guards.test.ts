import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import type { Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

type Claimed = { id: string; claimId: string };

/** Rows in every state, each with the claim that last held it. */
const STATES: Record<string, () => Promise<Claimed>> = {
  waiting: async () => ({ id: await generations.addPending(), claimId: randomUUID() }),
  released: async () => ({ id: await generations.addPending({ released: true }), claimId: randomUUID() }),
  returned: async () => {
    const held = await generations.addProcessing();
    await generations.giveBack(held.id, held.claimId, { p_delay_ms: 60_000 });
    return held;
  },
  processing: async () => {
    const worker = await generations.addWorker();
    return generations.addProcessing({ worker });
  },
  succeeded: async () => {
    const held = await generations.addProcessing();
    await generations.complete(held.id, held.claimId);
    return held;
  },
  failed: async () => {
    const held = await generations.addProcessing();
    await generations.fail(held.id, held.claimId);
    return held;
  },
  canceled: async () => {
    const held = await generations.addProcessing();
    await generations.requestCancel(held.id);
    await generations.complete(held.id, held.claimId);
    return held;
  },
  expired: async () => {
    const held = await generations.addProcessing();
    await generations.passDeadline(held.id);
    await generations.expire();
    return held;
  },
  deleted: async () => {
    const held = await generations.addProcessing();
    await db.sql('delete from public.generated_images where id = $1', [held.id]);
    return held;
  },
};

type Report = (id: string, claimId: string) => Promise<Row | undefined>;
const otherWorker = await generations.addWorker({ unbroken: true });
const FUNCTIONS: Record<string, Report> = {
  claim_generation: (id, claimId) => generations.claim(id, otherWorker, claimId),
  complete_generation: (id, claimId) => generations.complete(id, claimId),
  fail_generation: (id, claimId) => generations.fail(id, claimId),
  return_generation: (id, claimId) => generations.giveBack(id, claimId),
};

/** The only moves there are, by the claim that holds the row ("own") or another ("other"). */
const MOVES: Record<string, string> = {
  'claim_generation released own': 'processing',
  'claim_generation released other': 'processing',
  'complete_generation processing own': 'succeeded',
  'fail_generation processing own': 'failed',
  'return_generation processing own': 'pending',
};

/** Reports that arrive again, and answer the row as it is. */
const REPEATS = new Set([
  'claim_generation processing own',
  'complete_generation succeeded own',
  'fail_generation failed own',
]);

for (const [name, report] of Object.entries(FUNCTIONS)) {
  for (const [state, make] of Object.entries(STATES)) {
    for (const whose of ['own', 'other']) {
      const key = `${name} ${state} ${whose}`;
      const to = MOVES[key];
      const does = to ? `makes it ${to}` : REPEATS.has(key) ? 'answers it unchanged' : 'answers nothing';

      test(`${name} of a ${state} image by ${whose === 'own' ? 'its' : 'another'} claim ${does}`, async () => {
        const { id, claimId } = await make();
        const before = await generations.row(id);
        const eventsBefore = await generations.events(id);

        const answer = await report(id, whose === 'own' ? claimId : randomUUID());

        const now = await generations.row(id);
        if (to) {
          assert.equal(now?.status, to);
          assert.equal(answer?.status, to);
          assert.equal((await generations.events(id)).length, eventsBefore.length + 1);
        } else {
          assert.deepEqual(now, before);
          assert.deepEqual(await generations.events(id), eventsBefore);
          assert.equal(answer?.status, REPEATS.has(key) ? before?.status : undefined);
        }
      });
    }
  }
}

for (const [state, make] of Object.entries(STATES)) {
  const ends = ['waiting', 'released', 'returned', 'processing'].includes(state);
  test(`the deadline of a ${state} image ${ends ? 'expires it' : 'changes nothing'}`, async () => {
    const { id } = await make();
    await generations.passDeadline(id);
    const before = await generations.row(id);

    await generations.expire();

    const now = await generations.row(id);
    if (ends) assert.partialDeepStrictEqual(now, { status: 'expired', error_code: 'deadline_exceeded' });
    else assert.deepEqual(now, before);
  });
}

test('a report that arrives twice counts its cost, usage and failure once', async () => {
  const held = await generations.addProcessing();
  const report = {
    p_failure: true,
    p_billed: true,
    p_cost_usd: 0.04,
    p_usage: JSON.stringify({ input_tokens: 1, output_tokens: 2, total_tokens: 3 }),
  };

  await generations.giveBack(held.id, held.claimId, report);
  const second = await generations.giveBack(held.id, held.claimId, report);

  assert.equal(second, undefined);
  assert.partialDeepStrictEqual(await generations.row(held.id), {
    failures: 1,
    billable_calls: 1,
    cost_usd: 0.04,
    usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
  });
});
