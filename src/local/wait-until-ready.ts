import { setTimeout as delay } from 'node:timers/promises';
import { readLogTail } from './log-tail.ts';
import { StackError } from './stack-error.ts';
import type { RunningProcess } from './watchdog-client.ts';
import type { Ending } from './watchdog-messages.ts';

/**
 * Asks `check` until it answers true. Throws a StackError with the tail of the log when the process ends first or is
 * not ready within `timeoutMs`; throws the reason of `signal` when that fires; an error of `check` ends the wait.
 */
export async function waitUntilReady(options: {
  process: RunningProcess;
  check: () => Promise<boolean>;
  signal: AbortSignal;
  timeoutMs?: number;
}): Promise<void> {
  const { process, check, signal, timeoutMs = 60_000 } = options;
  const deadline = performance.now() + timeoutMs;
  let ending: Ending | undefined;
  process.ended.then((how) => {
    ending = how;
  });
  while (!(await check())) {
    signal.throwIfAborted();
    if (ending) throw describeEnding(process, ending);
    if (performance.now() > deadline) throw notReady(process, timeoutMs);
    await delay(50);
  }
}

/** Waits for a program that does one thing. Throws a StackError with the tail of its log unless it ended with 0. */
export async function waitUntilDone(process: RunningProcess, signal: AbortSignal): Promise<void> {
  const ending = await process.ended;
  signal.throwIfAborted();
  if (ending.code !== 0) throw describeEnding(process, ending);
}

/** Says in plain words how a process of the stack ended, with the last lines of its log. */
export function describeEnding({ spec }: RunningProcess, ending: Ending): StackError {
  const how = ending.error ?? (ending.signal ? `killed by ${ending.signal}` : `exit code ${ending.code}`);
  return new StackError(`${spec.name} has stopped (${how}).\n${readLogTail(spec.logFile)}`);
}

function notReady({ spec }: RunningProcess, timeoutMs: number): StackError {
  return new StackError(
    `${spec.name} was not ready after ${timeoutMs / 1000} s.\n${readLogTail(spec.logFile)}`,
  );
}
