import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '../support/random.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import type { Row } from '../support/sql-rows.ts';

const RACES = 500;
const AT_ONCE = 10;
const SEED = Number(process.env.TEST_SEED ?? 20_261_123);

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const cancel = async (id: string) =>
  (await callFunction<Row>(db.service, 'cancel_generation', { p_id: id, p_user_id: null }))[0];

test(`cancel and complete of one image race ${RACES} times, seed ${SEED}: one wins, and all agree on it`, async () => {
  const random = createRandom(SEED);
  const worker = await generations.addWorker();
  const won = { complete: 0, cancel: 0 };

  const raceOnce = async (): Promise<void> => {
    const [cancelAfter, completeAfter] = [random.below(4), random.below(4)];
    const { id, claimId } = await generations.addProcessing({ worker });

    const [canceled, completed] = await Promise.all([
      delay(cancelAfter).then(() => cancel(id)),
      delay(completeAfter).then(() => generations.complete(id, claimId)),
    ]);

    const row = await generations.row(id);
    const ends = await db.sql(
      `select to_status from public.generation_events
       where image_id = $1 and to_status in ('succeeded', 'canceled', 'failed', 'expired')`,
      [id],
    );
    assert.deepEqual(ends, [{ to_status: row?.status }]);
    // The worker is told the row exactly when its image counts; the caller is never told what then did not happen.
    assert.equal(completed?.status, row?.status === 'succeeded' ? 'succeeded' : undefined);
    assert.equal(row?.storage_path === null, row?.status === 'canceled');
    assert.equal(canceled?.status, row?.status === 'succeeded' ? 'succeeded' : 'processing');
    won[row?.status === 'succeeded' ? 'complete' : 'cancel'] += 1;
  };
  for (let n = 0; n < RACES / AT_ONCE; n += 1) await Promise.all(Array.from({ length: AT_ONCE }, raceOnce));

  assert.ok(won.complete > 0 && won.cancel > 0, `a race has two outcomes: ${JSON.stringify(won)}`);
});
