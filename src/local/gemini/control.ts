import type { CallEvent, CallLog, CallRecord, CallTally } from './call-log.ts';
import type { HeldCalls } from './held-calls.ts';
import { type ReadDefaults, readDefaults, type SimulatorDefaults } from './settings.ts';

/** Drives a simulator from inside its process; the same is served over HTTP under `/_simulator`. */
export type SimulatorControl = {
  /** Counts of all calls together, and of each key. */
  calls: () => { total: CallTally; keys: CallTally[] };
  /** Counts of one key's calls, and details of those still remembered (65,536 of all keys), oldest first. */
  callsOf: (key: string) => CallTally & { calls: CallRecord[] };
  /** Resolves once `n` (1) calls of the key have started, or were answered or aborted; rejects if `signal` aborts. */
  waitForCall: (key: string, n?: number, event?: CallEvent, signal?: AbortSignal) => Promise<CallTally>;
  /** Forgets all counts, so that fault sequences begin anew. */
  clearCalls: () => void;
  /** Replaces the defaults; what is not named is off. Throws a Refusal that lists every problem. */
  setDefaults: (defaults: SimulatorDefaults) => void;
  /** Lets go the calls that `hold` is holding now: those of one key, or all. Returns how many. */
  release: (key?: string) => number;
};

/** Makes the control and `defaults()`, which reads what was last set. */
export function createControl(log: CallLog, held: HeldCalls, initial: SimulatorDefaults = {}) {
  let defaults: ReadDefaults = readDefaults(initial);
  const control: SimulatorControl = {
    calls: () => ({ total: log.total(), keys: log.tallies() }),
    callsOf: (key) => ({ ...log.tallyOf(key), calls: log.recordsOf(key) }),
    waitForCall: (key, n = 1, event = 'started', signal) => log.waitFor(key, n, event, signal),
    clearCalls: log.clear,
    setDefaults: (value) => {
      defaults = readDefaults(value);
    },
    release: held.release,
  };
  return { control, defaults: () => defaults };
}
