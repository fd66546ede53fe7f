import { setTimeout as delay } from 'node:timers/promises';
import type { MakeHarm } from './adversary.ts';
import type { Crew, Seat } from './crew.ts';

/** When a worker did not run, by the clock of this machine: meanwhile others may have taken its images. */
export type Freeze = { from: number; until: number };

const API_POINTS = ['api.after_insert', 'release.before_enqueue'];
const WORKER_POINTS = [
  'release.before_enqueue',
  'worker.after_claim',
  'worker.before_call',
  'worker.after_call',
  'worker.after_upload',
  'worker.after_complete',
];
/** A process that is to die somewhere gets so long to come by. */
const DIES_WITHIN_MS = 8_000;

/** What is done to processes: killed, told to die at a point, frozen, asked to leave. */
export function createProcessHarms(crew: Crew, options: { leaseMs: number; freezes: Freeze[] }): MakeHarm[] {
  const seats = [...crew.workers, ...crew.workers, ...crew.apis];

  const kill: MakeHarm = (random) => {
    const [seat, away] = [random.pick(seats), random.below(1_500)];
    return {
      what: `${seat.name}: kill -9, followed after ${away} ms`,
      run: () =>
        seat.during(async (process) => {
          await process.kill();
          await delay(away);
        }),
    };
  };
  const killAll: MakeHarm = () => ({
    what: 'every worker: kill -9',
    run: async () => {
      await Promise.all(
        crew.workers.map((seat) => seat.during(async (process) => void (await process.kill()))),
      );
    },
  });
  const dieAt: MakeHarm = (random) => {
    const seat = random.pick(seats);
    const point = random.pick(crew.apis.includes(seat) ? API_POINTS : WORKER_POINTS);
    const times = 1 + random.below(8);
    return {
      what: `${seat.name}: dies at its ${times}. ${point}`,
      run: () => seat.during((process) => replaceToDie(seat, () => process.kill(), `${point}*${times}`)),
    };
  };
  const freeze: MakeHarm = (random) => {
    const seat = random.pick(seats);
    const ms = Math.round(random.below(18) * 0.1 * options.leaseMs);
    return {
      what: `${seat.name}: frozen for ${ms} ms`,
      run: () =>
        seat.during(async (process) => {
          const from = Date.now();
          process.freeze();
          await delay(ms);
          process.thaw();
          if (crew.workers.includes(seat)) options.freezes.push({ from, until: Date.now() });
        }),
    };
  };
  const leave: MakeHarm = (random) => {
    const seat = random.pick(seats);
    const twice = random.chance(0.2);
    return {
      what: `${seat.name}: SIGTERM${twice ? ', twice' : ''}`,
      run: () =>
        seat.during(async (process) => {
          const left = process.terminate();
          if (twice) await process.terminate();
          const { code, signal } = await left;
          if (code !== 0 && !twice) crew.surprises.push(`${seat.name} left with ${code ?? signal}`);
        }),
    };
  };
  const rollingRestart: MakeHarm = () => ({
    what: 'rolling restart of the workers',
    run: async () => {
      for (const seat of crew.workers) await seat.during(async (process) => void (await process.terminate()));
    },
  });
  return [kill, kill, kill, dieAt, dieAt, dieAt, freeze, freeze, leave, leave, killAll, rollingRestart];
}

/** Puts one there that dies at a point; if it does not come by, it is killed. */
async function replaceToDie(seat: Seat, kill: () => Promise<unknown>, failpoints: string): Promise<void> {
  await kill();
  await seat.fill({ FAILPOINTS: failpoints });
  const doomed = seat.process;
  await Promise.race([doomed?.ended, delay(DIES_WITHIN_MS, undefined, { ref: false })]);
  await doomed?.kill();
}
