import type { Billed } from './answer.ts';

/** Counts of one key's calls, or of all. `max_open` is the most that were open at one moment. */
export type CallTally = {
  key: string;
  started: number;
  answered: number;
  aborted: number;
  open: number;
  max_open: number;
  billed: number;
  maybe_billed: number;
};

/** One call; it counts as aborted when the client went away before the whole answer had left. */
export type CallRecord = {
  key: string;
  /** Which of its key's calls this is, from 1. */
  nth: number;
  model: string;
  /** The fault that answered it, `ok` for none, null when it was refused before a fault was chosen. */
  fault: string | null;
  outcome: 'open' | 'answered' | 'aborted';
  /** HTTP status, null while no headers have been sent. */
  status: number | null;
  billed: Billed;
  started_at: string;
  ended_at: string | null;
};

/** What a key's calls can be counted by, and waited for. */
export type CallEvent = 'started' | 'answered' | 'aborted';

export type CallLog = ReturnType<typeof createCallLog>;

/** Details are kept for this many calls, counts for all until they are cleared. */
const KEPT_RECORDS = 65_536;

type Waiter = { n: number; event: CallEvent; resolve: (tally: CallTally) => void };

/** A call that has started; `end` counts its first end, later ones change nothing. */
export type StartedCall = {
  record: CallRecord;
  end: (outcome: 'answered' | 'aborted', status: number | null, billed: Billed) => void;
};

/** Counts calls by key, and tells waiters when a count is reached. */
export function createCallLog() {
  let tallies = new Map<string, CallTally>();
  let total = emptyTally('');
  const records = new Set<CallRecord>();
  const waiters = new Map<string, Set<Waiter>>();

  function tallyOf(key: string): CallTally {
    return tallies.get(key) ?? emptyTally(key);
  }

  function start(key: string, model: string): StartedCall {
    const tally = tallyOf(key);
    tallies.set(key, tally);
    const counted = [tally, total];
    for (const counts of counted) {
      counts.started++;
      counts.open++;
      counts.max_open = Math.max(counts.max_open, counts.open);
    }
    const record = newRecord(key, tally.started, model);
    records.add(record);
    const [oldest] = records;
    if (records.size > KEPT_RECORDS && oldest) records.delete(oldest);
    wake(tally);
    return { record, end: (...how) => end(record, counted, ...how) };
  }

  function end(record: CallRecord, counted: CallTally[], ...how: Parameters<StartedCall['end']>): void {
    if (record.outcome !== 'open') return;
    const [outcome, status, billed] = how;
    Object.assign(record, { outcome, status, billed, ended_at: new Date().toISOString() });
    for (const counts of counted) {
      counts.open--;
      counts[outcome]++;
      if (billed === true) counts.billed++;
      if (billed === 'maybe') counts.maybe_billed++;
    }
    wake(tallyOf(record.key));
  }

  function wake(tally: CallTally): void {
    for (const waiter of waiters.get(tally.key) ?? []) {
      if (tally[waiter.event] >= waiter.n) waiter.resolve({ ...tally });
    }
  }

  /** Resolves once `n` calls of the key have started, were answered or were aborted; rejects when `signal` aborts. */
  function waitFor(key: string, n: number, event: CallEvent, signal?: AbortSignal): Promise<CallTally> {
    const { promise, resolve, reject } = Promise.withResolvers<CallTally>();
    const waiter = { n, event, resolve };
    const ofKey = waiters.get(key) ?? new Set();
    waiters.set(key, ofKey.add(waiter));
    const giveUp = () => reject(signal?.reason);
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted) giveUp();
    wake(tallyOf(key));
    return promise.finally(() => {
      signal?.removeEventListener('abort', giveUp);
      ofKey.delete(waiter);
      if (ofKey.size === 0 && waiters.get(key) === ofKey) waiters.delete(key);
    });
  }

  /** Forgets counts and details, so fault sequences begin anew. Calls that are open now end uncounted. */
  function clear(): void {
    tallies = new Map();
    total = emptyTally('');
    records.clear();
  }

  return {
    start,
    waitFor,
    clear,
    tallyOf: (key: string): CallTally => ({ ...tallyOf(key) }),
    tallies: (): CallTally[] => [...tallies.values()].map((tally) => ({ ...tally })),
    total: (): CallTally => ({ ...total }),
    recordsOf: (key: string): CallRecord[] =>
      [...records].filter((record) => record.key === key).map((record) => ({ ...record })),
  };
}

function emptyTally(key: string): CallTally {
  return { key, started: 0, answered: 0, aborted: 0, open: 0, max_open: 0, billed: 0, maybe_billed: 0 };
}

function newRecord(key: string, nth: number, model: string): CallRecord {
  const started_at = new Date().toISOString();
  return {
    key,
    nth,
    model,
    fault: null,
    outcome: 'open',
    status: null,
    billed: false,
    started_at,
    ended_at: null,
  };
}
