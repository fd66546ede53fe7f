import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { type Item, newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
before(() => db.sql('update public.settings set max_pending = 5'));
after(() => db.close());

type Answer = Record<string, unknown> & { asked_id: string; outcome: string };
async function submitBriefly(items: Item[]): Promise<Answer[]> {
  const args = { p_items: JSON.stringify(items), p_brief: true };
  return (await callFunction<Answer[]>(db.service, 'submit_generations', args))[0] ?? [];
}
const keyed = (scope: string, fields = {}) =>
  newItem({ idempotency_scope: scope, idempotency_key: 'k', request_hash: 'h', ...fields });

test('a new image is answered with what its row has beside what was asked for', async () => {
  const item = newItem({ lane_key: randomUUID() });

  const answers = await submitBriefly([item]);

  const row = (await generations.row(item.id)) as unknown as Record<string, string>;
  const [{ created_at, deadline_at, ...rest } = {} as Answer] = answers;
  assert.deepEqual(rest, { asked_id: item.id, outcome: 'inserted', lane_place: 1 });
  assert.deepEqual(
    [created_at, deadline_at].map((time) => Date.parse(String(time))),
    [row.created_at, row.deadline_at].map((time) => new Date(String(time)).getTime()),
  );
});

test('an image that was there is answered whole', async () => {
  const item = newItem({ lane_key: randomUUID() });
  await submitBriefly([item]);
  await generations.markReleased(item.id);

  const [again] = await submitBriefly([{ ...item, prompt: 'other' }]);

  assert.partialDeepStrictEqual(again, {
    id: item.id,
    prompt: 'a cat',
    outcome: 'created',
    release_epoch: 1,
  });
});

test('the row that a key has made is answered whole, also to the twin beside it', async () => {
  const [scope, lane_key] = [randomUUID(), randomUUID()];
  const [first, twin] = [keyed(scope, { lane_key }), keyed(scope, { lane_key })];

  const answers = await submitBriefly([first, twin]);

  assert.deepEqual(
    answers.map(({ asked_id, outcome, id }) => ({ asked_id, outcome, id })),
    [
      { asked_id: first.id, outcome: 'inserted', id: undefined },
      { asked_id: twin.id, outcome: 'replayed', id: first.id },
    ],
  );
  assert.equal(answers[1]?.prompt, 'a cat');
  assert.equal(await generations.waiting(lane_key), 1);
});

test('what has no room is refused as ever', async () => {
  const lane = randomUUID();

  const answers = await submitBriefly(Array.from({ length: 6 }, () => newItem({ lane_key: lane })));

  assert.deepEqual(
    answers.map(({ outcome }) => outcome),
    [...Array(5).fill('inserted'), 'queue_full'],
  );
  assert.equal(await generations.waiting(lane), 5);
});
