import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { placeOf, queueSnapshotSchema } from '../../src/shared/queue-place.ts';
import { createRandom } from '../support/random.ts';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

type Pending = { id: string; lane_key: string; released_at: string | null };
type Placed = { status: 'pending'; lane_place: number | null; released_place: number | null };

const readPending = () =>
  db.sql<Pending>(
    `select id, lane_key, released_at::text from public.generated_images where status = 'pending' order by released_at, id`,
  );

/** What callers are told of each. */
async function readPositions(rows: Pending[]): Promise<Map<string, number | null>> {
  const [snapshot] = await callFunction(db.service, 'get_queue_snapshot');
  const queue = queueSnapshotSchema.parse(snapshot);
  const positions = new Map<string, number | null>();
  for (const { id } of rows) {
    const [row] = await callFunction<Placed>(db.service, 'get_generation', { p_id: id, p_user_id: null });
    const placed = { ...(row as Placed), model: null, resolution: null, started_at: null };
    positions.set(id, placeOf(placed, queue, new Date()).queue_position);
  }
  return positions;
}

/** The sum over callers of min(their waiting rows, my place among mine), behind what is released. */
function expectedPositions(rows: Pending[]): Map<string, number> {
  const released = rows.filter(({ released_at }) => released_at !== null);
  const lanes = Map.groupBy(
    rows.filter(({ released_at }) => released_at === null),
    ({ lane_key }) => lane_key,
  );
  const expected = new Map(released.map(({ id }, index) => [id, index + 1]));
  for (const lane of lanes.values()) {
    lane.forEach(({ id }, index) => {
      const ahead = [...lanes.values()].reduce((sum, { length }) => sum + Math.min(length, index + 1), 0);
      expected.set(id, released.length + ahead);
    });
  }
  return expected;
}

for (const seed of [1, 2, 3, 4]) {
  test(`the position is what a model of the rows says, whatever has happened to them (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const workerId = await generations.addWorker({ concurrency: random.below(8) });
    for (let round = 0; round < 8; round += 1) {
      await generations.submit(
        Array.from({ length: random.below(10) }, () =>
          newItem({ lane_key: `lane-${random.below(5)}`, model: random.pick(['model-a', 'model-b']) }),
        ),
      );
      for (const { id } of (await generations.release()).jobs) {
        if (random.chance(0.4)) continue;
        const claimId = randomUUID();
        await generations.claim(id, workerId, claimId);
        if (random.chance(0.5)) await generations.complete(id, claimId);
        else if (random.chance(0.3)) await generations.giveBack(id, claimId);
      }
      // What was given back has its time and waits again.
      await generations.release();
      const canceled = random.pick(await readPending())?.id;
      if (canceled) await callFunction(db.service, 'cancel_generation', { p_id: canceled, p_user_id: null });

      const rows = await readPending();

      assert.deepEqual(await readPositions(rows), expectedPositions(rows));
    }
  });

  test(`nobody goes out later than was said, and the last of each round not sooner (seed ${seed})`, async () => {
    const random = createRandom(100 + seed);
    await generations.submit(
      Array.from({ length: 80 }, () =>
        newItem({ lane_key: `lane-${Math.min(random.below(9), random.below(9))}` }),
      ),
    );
    const positions = await readPositions(await readPending());
    await generations.addWorker({ concurrency: 200 });

    const order: string[] = [];
    for (
      let { jobs } = await generations.release();
      jobs.length > 0;
      { jobs } = await generations.release()
    ) {
      order.push(...jobs.map(({ id }) => id));
    }

    const latest = new Map<number, number>();
    order.forEach((id, index) => {
      const said = Number(positions.get(id));
      assert.ok(index + 1 <= said, `${id} was to be ${said} and went out as ${index + 1}`);
      latest.set(said, index + 1);
    });
    assert.equal(order.length, 80);
    for (const [said, place] of latest) assert.equal(place, said);
  });
}
