import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('a row keeps the trace of its request, and every claim answers it', async () => {
  const seen = [];
  const id = await generations.addPending({ traceparent: TRACEPARENT });

  for (const worker of [randomUUID(), randomUUID()]) {
    const claimId = randomUUID();
    await generations.markReleased(id);
    const row = await generations.claim(id, worker, claimId);
    seen.push([row?.attempt, row?.traceparent]);
    await generations.giveBack(id, claimId, { p_failure: true });
  }

  assert.deepEqual(seen, [
    [1, TRACEPARENT],
    [2, TRACEPARENT],
  ]);
});

test('a row of a request that was not traced has no trace', async () => {
  const [row] = await generations.submit([newItem()]);

  assert.equal(row?.traceparent, null);
});

for (const traceparent of [
  '',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331',
  TRACEPARENT.toUpperCase(),
  `${TRACEPARENT}-more`,
  `${TRACEPARENT}\n`,
]) {
  test(`a row takes no ${JSON.stringify(traceparent)} for a trace`, async () => {
    const code = await errorCode(generations.submit([newItem({ traceparent })]));

    assert.equal(code, '23514');
  });
}
