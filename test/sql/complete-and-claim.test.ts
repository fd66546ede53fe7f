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

const addProcessing = async (): Promise<Held> => {
  const { id, claimId } = await generations.addProcessing();
  return { id, claim_id: claimId };
};
const asked = (id: string): Held => ({ id, claim_id: randomUUID() });
const addReleased = async (): Promise<Held> => asked(await generations.addPending({ released: true }));
const statusOf = async ({ id }: Held) => (await generations.row(id))?.status;

describe('completions and claims in one call', () => {
  test('come to what they come to in two', async () => {
    const [done, stolen] = [await addProcessing(), asked((await addProcessing()).id)];
    const [pending, unreleased] = [await addReleased(), asked(await generations.addPending())];

    const { completed, claimed } = await generations.completeAndClaim(
      randomUUID(),
      [done, stolen],
      [pending, unreleased],
    );

    assert.deepEqual(
      [completed.completed.map(({ claim_id }) => claim_id), completed.rest],
      [[done.claim_id], [stolen.claim_id]],
    );
    assert.deepEqual(
      [claimed.claimed.map(({ id }) => id), claimed.rest],
      [[pending.id], [unreleased.claim_id]],
    );
    assert.deepEqual(await Promise.all([done, stolen, pending, unreleased].map(statusOf)), [
      'succeeded',
      'processing',
      'processing',
      'pending',
    ]);
  });

  test('do not leave a claim for the probe that the completion ends', async () => {
    const [probing, waiting] = [await addProcessing(), await addReleased()];
    await db.sql(
      `insert into public.pauses (scope, until) values ('model:model-a', now() - interval '1 second')`,
    );

    const { claimed } = await generations.completeAndClaim(randomUUID(), [probing], [waiting]);

    assert.deepEqual(claimed.rest, []);
    assert.deepEqual(await db.sql('select from public.pauses'), []);
  });

  test('claim no row that is completed', async () => {
    const held = await addProcessing();
    const again = asked(held.id);

    const { claimed } = await generations.completeAndClaim(randomUUID(), [held], [again]);

    assert.deepEqual(claimed.rest, [again.claim_id]);
    assert.equal((await generations.row(held.id))?.attempt, 1);
  });

  for (const [what, code, image, id] of [
    ['a completion', '23514', { image_url: null }, undefined],
    ['a claim', '22P02', {}, 'no-uuid'],
  ] as const) {
    test(`change nothing at all when ${what} is refused`, async () => {
      const [held, pending] = [await addProcessing(), await addReleased()];

      const refused = await errorCode(
        generations.completeAndClaim(
          randomUUID(),
          [{ ...held, image }],
          [pending, { ...pending, ...(id && { id }) }],
        ),
      );

      assert.equal(refused, code);
      assert.deepEqual(await Promise.all([held, pending].map(statusOf)), ['processing', 'pending']);
    });
  }
});
