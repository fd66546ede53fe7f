import { setTimeout as delay } from 'node:timers/promises';
import type { FaultProcess } from '../faults/fault-process.ts';
import type { FaultStack } from '../faults/fault-stack.ts';
import type { LogLine } from '../support/log-lines.ts';
import type { Env } from '../support/test-stack.ts';

/** One place for an API or a worker; whoever dies in it is followed by another one, as under a supervisor. */
export type Seat = {
  name: string;
  /** Who sits there, or null while nobody does. */
  process: FaultProcess | null;
  /** Of an API. */
  url: string;
  /** Lets `harm` loose on who sits there, with nobody following before it has ended. */
  during(harm: (process: FaultProcess) => Promise<void>): Promise<void>;
  /** Puts somebody there; an old one has to have left. */
  fill(env?: Env): Promise<void>;
};

export type Crew = {
  apis: Seat[];
  workers: Seat[];
  /** What was logged about an image by all who ever were there, in order. */
  linesOf(imageId: string): string[];
  /** Who ended though nobody wanted it, and lines that said that a person should look. */
  surprises: string[];
  /** From now on nobody is followed; resolves when all have left in order. */
  leave(): Promise<void>;
};

type State = { leaving: boolean; log: { name: string; lines: LogLine[] }[] };

/** A call that hangs is to end well before the soak does. */
const QUICK: Env = { GEMINI_TIMEOUT_MS: '4000' };
const SECOND_MS = 1_000;
const ERROR_LEVEL = 50;

/** Starts all of them. */
export async function createCrew(
  stack: FaultStack,
  counts: { apis: number; workers: number },
): Promise<Crew> {
  const surprises: string[] = [];
  const crew: State = { leaving: false, log: [] };
  const make = (what: 'api' | 'worker', count: number) =>
    Array.from({ length: count }, (_, index) =>
      createSeat({ stack, what, name: `${what} ${index + 1}`, crew, surprises }),
    );
  const [apis, workers] = [make('api', counts.apis), make('worker', counts.workers)];
  const seats = [...apis, ...workers];
  await Promise.all(seats.map((seat) => seat.fill()));

  return {
    apis,
    workers,
    surprises,
    linesOf: (imageId) =>
      crew.log
        .flatMap(({ name, lines }) => lines.map((line) => ({ name, line })))
        .filter(({ line }) => JSON.stringify(line).includes(imageId))
        .sort((one, other) => Number(one.line.time) - Number(other.line.time))
        .map(({ name, line }) => `${name} ${JSON.stringify(line)}`),
    async leave() {
      crew.leaving = true;
      for (const { name, process } of seats) {
        const end = await process?.terminate();
        if (end && end.code !== 0) surprises.push(`${name} left with ${JSON.stringify(end)}`);
      }
    },
  };
}

function createSeat(options: {
  stack: FaultStack;
  what: 'api' | 'worker';
  name: string;
  crew: State;
  surprises: string[];
}): Seat {
  const { stack, what, name, crew, surprises } = options;
  let harmed = false;

  /** Starting fails while the database is away for longer than a start waits: then again, as a supervisor does. */
  const start = async (env: Env): Promise<FaultProcess> => {
    for (;;) {
      try {
        return await (what === 'api' ? stack.startApi(env) : stack.startWorker(env));
      } catch (error) {
        if (crew.leaving) throw error;
        await delay(SECOND_MS);
      }
    }
  };
  const watch = async (process: FaultProcess, mayDie: boolean): Promise<void> => {
    const end = await process.ended;
    noteErrors(name, process, surprises);
    if (seat.process === process) seat.process = null;
    if (crew.leaving || harmed) return;
    if (!mayDie) surprises.push(`${name} ended by itself: ${JSON.stringify(end)} ${process.stderr()}`);
    await seat.fill();
  };

  const seat: Seat = {
    name,
    process: null,
    url: '',
    async fill(env = {}) {
      const process = await start({ ...QUICK, ...env });
      if (what === 'api') seat.url = String((await process.waitForLine('api.started')).url);
      seat.process = process;
      crew.log.push({ name, lines: process.lines });
      watch(process, 'FAILPOINTS' in env).catch((error: Error) =>
        surprises.push(`${name}: ${error.message}`),
      );
    },
    async during(harm) {
      if (!seat.process) return;
      harmed = true;
      try {
        await harm(seat.process);
      } finally {
        harmed = false;
      }
      if (!seat.process) await seat.fill();
    },
  };
  return seat;
}

function noteErrors(name: string, { lines }: FaultProcess, surprises: string[]): void {
  for (const line of lines) {
    if (line.level >= ERROR_LEVEL) surprises.push(`${name} logged ${JSON.stringify(line)}`);
  }
}
