import assert from 'node:assert/strict';
import test from 'node:test';
import { placeOf } from '../../src/shared/queue-place.ts';
import { createQueueModel } from '../support/queue-model.ts';
import {
  type Arrival,
  drawGap,
  drawSeconds,
  type SimulationState,
  simulateQueue,
} from '../support/queue-simulation.ts';
import { createRandom, type Random } from '../support/random.ts';

const SERVICE_S = 10;
const KIND = { model: 'model-a', resolution: '1K' };

/** Single images of so many users at random moments, which would keep so much of all slots busy. */
function arrivalsOf(random: Random, users: number, load: number, slots: number, until: number): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let at = 0; at < until; at += drawGap(random, (load * slots) / SERVICE_S)) {
    arrivals.push({ at, lane: `user-${random.below(users)}`, count: 1 });
  }
  return arrivals;
}

type Estimate = { id: string; at: number; eta: number };

/** What callers are told of images that wait: at submit, and now and then later. */
function createObserver(random: Random, model: ReturnType<typeof createQueueModel>) {
  const estimates: Estimate[] = [];
  const told = new Set<string>();
  const look = ({ now, images, done }: SimulationState) => {
    const lately = done.slice(-50).map((one) => Number(one.endedAt) - Number(one.startedAt));
    if (lately.length === 0) return;
    const seconds = lately.reduce((sum, one) => sum + one, 0) / lately.length;
    const queue = model.snapshot([{ ...KIND, seconds }]);
    const waiting = [...images.values()].filter(({ startedAt }) => startedAt === null);
    const others = waiting.length > 0 ? [random.pick(waiting), random.pick(waiting)] : [];
    for (const { id } of [...waiting.filter((one) => !told.has(one.id)).slice(-3), ...others]) {
      told.add(id);
      const row = { ...KIND, ...model.stand(id), status: 'pending', started_at: null } as const;
      const { eta_seconds: eta } = placeOf(row, queue, new Date(now * 1000));
      if (eta !== null) estimates.push({ id, at: now, eta });
    }
  };
  return { estimates, look };
}

const TRACES: Record<
  string,
  { slots: number; heavy: number; users: number; load: number; until: number; perCaller?: number }
> = {
  'one user with 10,000 beside a hundred with a few': {
    slots: 32,
    heavy: 10_000,
    users: 100,
    load: 0.16,
    until: 900,
  },
  'more asked for than can be made': { slots: 32, heavy: 2_000, users: 40, load: 1.25, until: 700 },
  'one user alone': { slots: 8, heavy: 300, users: 1, load: 0, until: 500 },
  'a limit for each caller': { slots: 16, heavy: 300, users: 30, load: 0.3, until: 900, perCaller: 4 },
};

for (const [name, { slots, heavy, users, load, until, perCaller }] of Object.entries(TRACES)) {
  test(`${name}: nine of ten waits are no more than twice as long or short as was said`, async () => {
    const random = createRandom(3);
    const model = createQueueModel(slots, perCaller === undefined ? {} : { perCaller });
    const { estimates, look } = createObserver(random, model);

    const images = await simulateQueue(model, {
      slots,
      arrivals: [
        { at: 0, lane: 'heavy', count: heavy },
        ...(load > 0 ? arrivalsOf(random, users, load, slots, until) : []),
      ],
      seconds: () => drawSeconds(random, SERVICE_S),
      look,
      isOver: ({ now, processing }) => now > until || (now > 0 && processing.length === 0),
    });

    const ratios = estimates
      .map(({ id, at, eta }) => ({ eta, took: Number(images.get(id)?.endedAt ?? NaN) - at }))
      .filter(({ took }) => took > 0)
      .map(({ eta, took }) => eta / took);
    const good = ratios.filter((ratio) => ratio >= 0.5 && ratio <= 2).length;
    assert.ok(ratios.length > 200, `${ratios.length} waits`);
    assert.ok(good >= 0.9 * ratios.length, `${good} of ${ratios.length}`);
  });
}
