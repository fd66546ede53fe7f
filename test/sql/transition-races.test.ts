import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import type pg from 'pg';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { type Contender, race } from '../support/sql-race.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

/** An image of a worker that has died, and one that may take it over. */
async function takeover() {
  const worker = await generations.addWorker();
  const held = await generations.addProcessing({ worker });
  await generations.kill(worker);
  const taker = await generations.addWorker({ unbroken: true });
  const newClaim = randomUUID();
  return {
    ...held,
    newClaim,
    take: (client: pg.PoolClient) => generations.claim(held.id, taker, newClaim, client),
    complete: (client: pg.PoolClient) => generations.complete(held.id, held.claimId, {}, client),
    fail: (client: pg.PoolClient) => generations.fail(held.id, held.claimId, {}, client),
    giveBack: (client: pg.PoolClient) => generations.giveBack(held.id, held.claimId, {}, client),
  };
}

async function overdue() {
  const held = await generations.addProcessing();
  await generations.passDeadline(held.id);
  return {
    ...held,
    expire: (client: pg.PoolClient) => generations.expire(client),
    complete: (client: pg.PoolClient) => generations.complete(held.id, held.claimId, {}, client),
    fail: (client: pg.PoolClient) => generations.fail(held.id, held.claimId, {}, client),
    giveBack: (client: pg.PoolClient) => generations.giveBack(held.id, held.claimId, {}, client),
  };
}

const statusOf = async (id: string) => (await generations.row(id))?.status;

test('of two claims that meet the first one wins', async () => {
  const id = await generations.addPending({ released: true });
  const [first, second] = [randomUUID(), randomUUID()];

  const answer = await race(
    db,
    (client) => generations.claim(id, randomUUID(), first, client),
    (client) => generations.claim(id, randomUUID(), second, client),
  );

  assert.equal(answer, undefined);
  assert.partialDeepStrictEqual(await generations.row(id), { claim_id: first, attempt: 1 });
});

test('a claim that meets its own repetition answers both times', async () => {
  const id = await generations.addPending({ released: true });
  const [worker, claimId] = [randomUUID(), randomUUID()];
  const ask: Contender = (client) => generations.claim(id, worker, claimId, client);

  const answer = await race(db, ask, ask);

  assert.partialDeepStrictEqual(answer, { claim_id: claimId, attempt: 1 });
});

test('of two takeovers from a dead worker that meet the first one wins', async () => {
  const { id, take, newClaim } = await takeover();
  const other = await generations.addWorker({ unbroken: true });

  const answer = await race(db, take, (client) => generations.claim(id, other, randomUUID(), client));

  assert.equal(answer, undefined);
  assert.partialDeepStrictEqual(await generations.row(id), { claim_id: newClaim, attempt: 2 });
});

for (const report of ['complete', 'fail', 'giveBack'] as const) {
  test(`a worker taken for dead that still gets to ${report} first keeps the image from the next`, async () => {
    const image = await takeover();

    const answer = await race(db, image[report], image.take);

    assert.equal(answer, undefined);
    assert.notEqual(await statusOf(image.id), 'processing');
    assert.equal((await generations.row(image.id))?.attempt, 1);
  });

  test(`a worker taken for dead that gets to ${report} after the next has claimed is told nothing`, async () => {
    const image = await takeover();

    const answer = await race(db, image.take, image[report]);

    assert.equal(answer, undefined);
    assert.partialDeepStrictEqual(await generations.row(image.id), {
      status: 'processing',
      claim_id: image.newClaim,
      attempt: 2,
      failures: 0,
      billable_calls: 2,
    });
  });

  test(`an image that expires while its worker is about to ${report} stays expired`, async () => {
    const image = await overdue();

    const answer = await race(db, image.expire, image[report]);

    assert.equal(answer, undefined);
    assert.equal(await statusOf(image.id), 'expired');
  });

  test(`an image whose worker gets to ${report} at its deadline is passed by and not expired`, async () => {
    const image = await overdue();

    const expired = await race(db, image[report], image.expire, { secondWaits: false });

    assert.equal(expired, 0);
    const status = { complete: 'succeeded', fail: 'failed', giveBack: 'pending' }[report];
    assert.equal(await statusOf(image.id), status);
  });
}

test('an image that was given back at its deadline is expired by the next round', async () => {
  const image = await overdue();
  await race(db, image.giveBack, image.expire, { secondWaits: false });

  await generations.expire();

  assert.equal(await statusOf(image.id), 'expired');
});

test('of two rounds of expiry that meet each image is expired by one', async () => {
  await generations.clear();
  const image = await overdue();

  const second = await race(db, image.expire, image.expire, { secondWaits: false });

  assert.equal(second, 0);
  assert.equal(
    (await generations.events(image.id)).filter((event) => event.to_status === 'expired').length,
    1,
  );
});
