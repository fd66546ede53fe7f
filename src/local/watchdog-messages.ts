/** How a process is stopped: `signal`, after `graceMs` `hurrySignal`, and SIGKILL when that does not help either. */
export type StopPlan = {
  signal: NodeJS.Signals;
  graceMs: number;
  /** What ends the process at once: SIGKILL unless it has a cleaner way (Postgres: SIGQUIT). */
  hurrySignal: NodeJS.Signals;
};

/** A process as the watchdog starts it: everything is said, nothing is inherited. */
export type ProcessSpec = {
  /** Unique within one watchdog; names the pid file and what people read. */
  name: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  /** Only root may name another user. */
  user?: { uid: number; gid: number };
  /** Both output streams go here; the file of the start before is kept beside it as `….previous.log`. */
  logFile: string;
  stop: StopPlan;
  /** It does one thing and ends; that any other program ends is a failure. */
  runsToEnd?: true;
};

/** How a process ended; `error` when it could not be started at all. */
export type Ending = { code: number | null; signal: NodeJS.Signals | null; error?: string };

/** What the parent tells the watchdog. `hurry` shortens a stop that has begun, or begins one without grace. */
export type ToWatchdog = { type: 'start'; spec: ProcessSpec } | { type: 'stop' } | { type: 'hurry' };

/** What the watchdog tells the parent. `ended` may come without `started`: the program could not be started. */
export type FromWatchdog =
  | { type: 'ready' }
  | { type: 'started'; name: string; pid: number }
  | { type: 'ended'; name: string; ending: Ending };
