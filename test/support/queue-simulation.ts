import type { Random } from './random.ts';

/** What releases and what is released: the SQL functions, or a model of them. */
export type SimulatedQueue = {
  submit(lane: string, count: number): Promise<string[]>;
  /** Those that go out now, in their order. */
  release(): Promise<string[]>;
  start(id: string): Promise<void>;
  finish(id: string): Promise<void>;
};

/** An image of a simulation, with times in simulated seconds. */
export type Simulated = {
  id: string;
  lane: string;
  submittedAt: number;
  startedAt: number | null;
  endedAt: number | null;
};

export type Arrival = { at: number; lane: string; count: number };

/**
 * Slots that take from Redis what is first in it, on a clock that jumps from event to event: so hours of a busy queue pass
 * in seconds, the same on every machine. Whoever submits and whoever is done with an image asks for a release, as APIs
 * and workers do.
 */
export async function simulateQueue(
  queue: SimulatedQueue,
  options: {
    slots: number;
    arrivals: Arrival[];
    /** How long an image takes. */
    seconds: () => number;
    /** Called after each event. */
    look?: (state: SimulationState) => void;
    isOver: (state: SimulationState) => boolean;
  },
): Promise<Map<string, Simulated>> {
  const images = new Map<string, Simulated>();
  const arrivals = options.arrivals.toSorted((a, b) => a.at - b.at);
  const state: SimulationState = { now: 0, images, inRedis: [], processing: [], done: [] };

  const releaseAll = async () => {
    // A full answer means that there may be more.
    for (let ids = await queue.release(); ids.length > 0; ids = await queue.release())
      state.inRedis.push(...ids);
    while (state.processing.length < options.slots && state.inRedis.length > 0) {
      const id = state.inRedis.shift() as string;
      await queue.start(id);
      const image = images.get(id) as Simulated;
      image.startedAt = state.now;
      state.processing.push({ image, until: state.now + options.seconds() });
      state.processing.sort((a, b) => a.until - b.until);
    }
  };

  while (!options.isOver(state)) {
    const [done] = state.processing;
    const [arrival] = arrivals;
    if (arrival && arrival.at <= (done?.until ?? Infinity)) {
      arrivals.shift();
      state.now = arrival.at;
      for (const id of await queue.submit(arrival.lane, arrival.count)) {
        images.set(id, { id, lane: arrival.lane, submittedAt: state.now, startedAt: null, endedAt: null });
      }
    } else if (done) {
      state.processing.shift();
      state.now = done.until;
      done.image.endedAt = state.now;
      state.done.push(done.image);
      await queue.finish(done.image.id);
    } else {
      throw new Error(`Nothing is left to happen at ${state.now} s.`);
    }
    await releaseAll();
    options.look?.(state);
  }
  return images;
}

export type SimulationState = {
  now: number;
  images: Map<string, Simulated>;
  inRedis: string[];
  /** What ends first comes first. */
  processing: { image: Simulated; until: number }[];
  /** In the order in which they ended. */
  done: Simulated[];
};

/** Times around `mean`, of which a twentieth is more than 1.5 times as long: lognormal. */
export const drawSeconds = (random: Random, mean: number) => mean * Math.exp(0.25 * drawNormal(random));

/** Times between two of many independent events, of which so many come in a second. */
export const drawGap = (random: Random, perSecond: number) => -Math.log(drawUnit(random)) / perSecond;

const drawUnit = (random: Random) => (random.below(1_000_000) + 0.5) / 1_000_000;
const drawNormal = (random: Random) =>
  Math.sqrt(-2 * Math.log(drawUnit(random))) * Math.cos(2 * Math.PI * drawUnit(random));
