import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { openSqlDatabase, untilBlocked } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { type Contender, race } from '../support/sql-race.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const statusOf = async (id: string) => (await generations.row(id))?.status;

test('a cancellation that is asked for while the image is completed comes too late', async () => {
  const { id, claimId } = await generations.addProcessing();
  const ask = `update public.generated_images set cancel_requested_at = now()
    where id = $1 and status in ('pending', 'processing')`;

  await race(
    db,
    (client) => generations.complete(id, claimId, {}, client),
    (client) => client.query(ask, [id]),
  );

  assert.partialDeepStrictEqual(await generations.row(id), {
    status: 'succeeded',
    cancel_requested_at: null,
  });
});

test('an image whose cancellation is asked for just before it is completed is canceled', async () => {
  const { id, claimId } = await generations.addProcessing();
  const ask = 'update public.generated_images set cancel_requested_at = now() where id = $1';

  const answer = await race(
    db,
    (client) => client.query(ask, [id]),
    (client) => generations.complete(id, claimId, {}, client),
  );

  assert.equal(answer, undefined);
  assert.equal(await statusOf(id), 'canceled');
});

test('two completions of one claim that meet both answer the image', async () => {
  const { id, claimId } = await generations.addProcessing();
  const complete: Contender = (client) => generations.complete(id, claimId, {}, client);

  const answer = await race(db, complete, complete);

  assert.partialDeepStrictEqual(answer, { status: 'succeeded', cost_usd: 0.04, billable_calls: 1 });
});

test('a worker that beats while its image is claimed by another keeps it when it comes first', async () => {
  const worker = await generations.addWorker();
  const { id, claimId } = await generations.addProcessing({ worker });
  const taker = await generations.addWorker({ unbroken: true });
  await generations.kill(worker);
  await generations.beat(worker, [{ id, claim_id: claimId }]);

  assert.equal(await generations.claim(id, taker, randomUUID()), undefined);
});

test('an image that is deleted with its user while it is completed answers nothing', async () => {
  const userId = await db.createUser();
  const { id, claimId } = await generations.addProcessing({ user_id: userId });
  const deleter = await db.connect({ asOwner: true });
  await deleter.query('begin');
  await deleter.query('delete from auth.users where id = $1', [userId]);
  const completer = await db.connect();
  const answered = generations.complete(id, claimId, {}, completer);
  await untilBlocked(db, completer);

  await deleter.query('commit');

  assert.equal(await answered, undefined);
  deleter.release();
  completer.release();
});
