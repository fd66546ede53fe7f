import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

/** Moves a worker's times back by so many seconds. */
const age = (workerId: string, column: 'beat_at' | 'unbroken_since', seconds: number) =>
  db.sql(`update public.workers set ${column} = now() - make_interval(secs => $2) where id = $1`, [
    workerId,
    seconds,
  ]);
const take = (id: string, workerId: string) => generations.claim(id, workerId, randomUUID());

test("a dead worker's image is taken over, and its claim no longer counts", async () => {
  const [dead, taker] = [await generations.addWorker(), await generations.addWorker({ unbroken: true })];
  const { id, claimId } = await generations.addProcessing({ worker: dead });
  await generations.kill(dead);

  const row = await take(id, taker);

  assert.partialDeepStrictEqual(row, {
    worker_id: taker,
    attempt: 2,
    billable_calls: 2,
    status: 'processing',
  });
  assert.equal(await generations.complete(id, claimId), undefined);
});

test("a live worker's image is not taken, however long it has been at it", async () => {
  const [worker, taker] = [await generations.addWorker(), await generations.addWorker({ unbroken: true })];
  const { id } = await generations.addProcessing({ worker });
  await db.sql(`update public.generated_images set started_at = now() - interval '1 hour' where id = $1`, [
    id,
  ]);

  assert.equal(await take(id, taker), undefined);
});

for (const [seconds, dead] of [
  [29, false],
  [31, true],
] as const) {
  test(`a worker whose last beat is ${seconds} seconds old is ${dead ? 'dead' : 'alive'}`, async () => {
    const [worker, taker] = [await generations.addWorker(), await generations.addWorker({ unbroken: true })];
    const { id } = await generations.addProcessing({ worker });
    await age(worker, 'beat_at', seconds);

    assert.equal(Boolean(await take(id, taker)), dead);
  });
}

test('a worker that never registered is dead', async () => {
  const taker = await generations.addWorker({ unbroken: true });
  const { id } = await generations.addProcessing({ worker: randomUUID() });

  assert.ok(await take(id, taker));
});

test('what a worker that signed off still held is taken over at once', async () => {
  const [worker, taker] = [await generations.addWorker(), await generations.addWorker({ unbroken: true })];
  const { id } = await generations.addProcessing({ worker });

  await callFunction(db.service, 'remove_worker', { p_worker_id: worker });

  assert.ok(await take(id, taker));
});

test('a draining worker is alive', async () => {
  const [worker, taker] = [await generations.addWorker(), await generations.addWorker({ unbroken: true })];
  const { id, claimId } = await generations.addProcessing({ worker });
  await generations.beat(worker, [{ id, claim_id: claimId }], 0);

  assert.equal(await take(id, taker), undefined);
});

for (const [what, unbroken, beat, may] of [
  ['just started', 0, 0, false],
  ['beaten for less than a lease', 29, 0, false],
  ['beaten without a gap for a lease', 30, 0, true],
  ['beaten for long, but not in the last half of a lease', 600, 16, false],
] as const) {
  test(`a worker that has ${what} may ${may ? '' : 'not '}judge another one dead`, async () => {
    const taker = await generations.addWorker();
    const { id } = await generations.addProcessing({ worker: randomUUID() });
    await age(taker, 'unbroken_since', unbroken);
    await age(taker, 'beat_at', beat);

    assert.equal(Boolean(await take(id, taker)), may);
  });
}

test('a worker that nobody knows may not judge', async () => {
  const { id } = await generations.addProcessing({ worker: randomUUID() });

  assert.equal(await take(id, randomUUID()), undefined);
});

test('a worker that was itself cut off has to beat for a whole lease again before it may judge', async () => {
  const taker = await generations.addWorker({ unbroken: true });
  const { id } = await generations.addProcessing({ worker: randomUUID() });
  await age(taker, 'beat_at', 16);
  await generations.beat(taker);
  const justBack = await take(id, taker);
  await age(taker, 'unbroken_since', 30);

  const aLeaseLater = await take(id, taker);

  assert.deepEqual([justBack, aLeaseLater?.worker_id], [undefined, taker]);
});

test('beats without a gap leave the chain as it is', async () => {
  const worker = await generations.addWorker({ unbroken: true });
  const since = () => db.sql('select unbroken_since from public.workers where id = $1', [worker]);
  const before = await since();
  await age(worker, 'beat_at', 14);

  await generations.beat(worker);

  assert.deepEqual(await since(), before);
});

test('when the database was away for all, nobody is robbed', async () => {
  const [owner, other] = [
    await generations.addWorker({ unbroken: true }),
    await generations.addWorker({ unbroken: true }),
  ];
  const { id, claimId } = await generations.addProcessing({ worker: owner });
  for (const worker of [owner, other]) await age(worker, 'beat_at', 600);
  await generations.beat(other);

  const robbed = await take(id, other);
  await generations.beat(owner, [{ id, claim_id: claimId }]);

  assert.equal(robbed, undefined);
  assert.ok(await generations.complete(id, claimId));
});

test('the lease is the one in settings, and beats tell it in milliseconds', async () => {
  await db.sql(`update public.settings set lease = interval '3 seconds'`);
  const worker = await generations.addWorker();
  const taker = await generations.addWorker({ unbroken: true });
  const { id } = await generations.addProcessing({ worker });
  await age(worker, 'beat_at', 4);

  const [answer, taken] = [await generations.beat(taker), await take(id, taker)];

  await db.sql(`update public.settings set lease = interval '30 seconds'`);
  assert.equal(answer?.lease_ms, 3000);
  assert.ok(taken);
});

test('a released image is claimed by a worker that may not judge', async () => {
  const id = await generations.addPending({ released: true });

  assert.ok(await take(id, await generations.addWorker()));
});
