import { setTimeout as delay } from 'node:timers/promises';
import { createRandom, type Random } from '../support/random.ts';

/** One piece of harm, decided on: what it is, in words, and the doing of it, from beginning to repair. */
export type Harm = { what: string; run(): Promise<void> };
export type MakeHarm = (random: Random) => Harm;

export type Adversary = {
  /** Resolves when the harm that is being done has been put right. */
  stop(): Promise<void>;
};

const SHORTEST_PAUSE_MS = 100;
const PAUSE_MS = 1_500;

/**
 * Does one harm after another, at random by the seed, with pauses. Several adversaries harm different things at the
 * same time, each with a stream of choices of its own, so that a seed repeats what each of them does.
 */
export function startAdversary(options: {
  seed: number;
  harms: MakeHarm[];
  tell: (what: string) => void;
}): Adversary {
  const { harms, tell } = options;
  const random = createRandom(options.seed);
  const stopped = new AbortController();
  const harming = (async () => {
    while (!stopped.signal.aborted) {
      const harm = random.pick(harms)(random);
      tell(harm.what);
      await harm.run();
      const pause = SHORTEST_PAUSE_MS + random.below(PAUSE_MS);
      await delay(pause, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await harming;
    },
  };
}
