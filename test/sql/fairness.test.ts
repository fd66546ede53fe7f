import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import {
  type Arrival,
  drawSeconds,
  type SimulatedQueue,
  type SimulationState,
  simulateQueue,
} from '../support/queue-simulation.ts';
import { createRandom } from '../support/random.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const SLOTS = 32;
const SERVICE_S = 10;

const db = await openSqlDatabase();
const generations = createGenerations(db);
// The clock of the database goes on as slowly as ever.
await db.sql(`update public.settings set lease = interval '1 hour', max_pending = 100000`);
beforeEach(() => generations.clear());
after(() => db.close());

/** The SQL functions, as APIs and a worker with all the slots call them. */
async function openQueue(slots: number): Promise<SimulatedQueue> {
  const workerId = await generations.addWorker({ concurrency: slots });
  const claims = new Map<string, string>();
  return {
    async submit(lane, count) {
      const ids: string[] = [];
      while (ids.length < count) {
        const page = Array.from({ length: Math.min(1000, count - ids.length) }, () =>
          newItem({ lane_key: lane }),
        );
        ids.push(...(await generations.submit(page)).map(({ id }) => id));
      }
      return ids;
    },
    release: async () => (await generations.release()).jobs.map(({ id }) => id),
    async start(id) {
      const claimId = randomUUID();
      claims.set(id, claimId);
      assert.equal((await generations.claim(id, workerId, claimId))?.status, 'processing');
    },
    async finish(id) {
      assert.equal((await generations.complete(id, String(claims.get(id))))?.status, 'succeeded');
    },
  };
}

/** There is always somebody's row that waits, so no slot may be without one. */
function assertBusy({ processing: { length: processing }, now }: SimulationState): void {
  assert.ok(processing === SLOTS, `${SLOTS - processing} slots were idle at ${now} s`);
}

for (const seed of [1, 2]) {
  test(`beside 10,000 images of one user, 50 others wait no longer than one and a half images take (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const others: Arrival[] = Array.from({ length: 50 }, (_, n) => ({
      at: 5 + random.below(100_000) / 1000,
      lane: `user-${n}`,
      count: 1,
    }));

    const images = await simulateQueue(await openQueue(SLOTS), {
      slots: SLOTS,
      arrivals: [{ at: 0, lane: 'heavy', count: 10_000 }, ...others],
      seconds: () => drawSeconds(random, SERVICE_S),
      look: assertBusy,
      isOver: ({ now, images: all }) =>
        now > 105 && [...all.values()].every(({ lane, startedAt }) => lane === 'heavy' || startedAt !== null),
    });

    const waits = [...images.values()]
      .filter(({ lane }) => lane !== 'heavy')
      .map(({ submittedAt, startedAt }) => Number(startedAt) - submittedAt)
      .sort((a, b) => a - b);
    assert.equal(waits.length, 50);
    assert.ok(Number(waits.at(-1)) <= 1.5 * SERVICE_S, `the longest wait was ${waits.at(-1)} s`);
  });
}

test('when more is asked for than can be made, every user gets the same within a fifth', async () => {
  const random = createRandom(7);
  const USERS = 10;
  // Who has ten times as much waiting, or was there first, gets no more.
  const arrivals: Arrival[] = Array.from({ length: USERS }, (_, n) => ({
    at: n * 3,
    lane: `user-${n}`,
    count: n % 3 === 0 ? 2_000 : 200,
  }));
  const FROM = 60;
  const UNTIL = 200;

  const images = await simulateQueue(await openQueue(SLOTS), {
    slots: SLOTS,
    arrivals,
    seconds: () => drawSeconds(random, SERVICE_S),
    look: assertBusy,
    isOver: ({ now }) => now > UNTIL,
  });

  const made = new Map(arrivals.map(({ lane }) => [lane, 0]));
  for (const { lane, endedAt } of images.values()) {
    if (endedAt !== null && endedAt > FROM && endedAt <= UNTIL) made.set(lane, Number(made.get(lane)) + 1);
  }
  const equal = [...made.values()].reduce((sum, count) => sum + count, 0) / USERS;
  for (const [lane, count] of made) {
    assert.ok(Math.abs(count - equal) <= 0.2 * equal, `${lane} got ${count}, an equal share is ${equal}`);
  }
});

test('who asks for less than a share gets all of it while others ask for more than there is', async () => {
  const random = createRandom(11);
  const modest: Arrival[] = Array.from({ length: 40 }, (_, n) => ({
    at: 20 + 4 * n,
    lane: 'modest',
    count: 1,
  }));

  const images = await simulateQueue(await openQueue(SLOTS), {
    slots: SLOTS,
    arrivals: [...[1, 2, 3].map((n) => ({ at: 0, lane: `greedy-${n}`, count: 1_000 })), ...modest],
    seconds: () => drawSeconds(random, SERVICE_S),
    look: assertBusy,
    isOver: ({ now }) => now > 200,
  });

  const waits = [...images.values()]
    .filter(({ lane }) => lane === 'modest')
    .map(({ submittedAt, startedAt }) => Number(startedAt ?? Infinity) - submittedAt);
  assert.equal(waits.length, 40);
  assert.ok(Math.max(...waits) <= SERVICE_S, `the longest wait was ${Math.max(...waits)} s`);
});
