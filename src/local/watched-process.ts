import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError } from './stack-error.ts';
import type { Stoppable } from './stop-process.ts';
import type { Ending, ProcessSpec } from './watchdog-messages.ts';

/** A child of the watchdog. `pid` is null when the program could not be started; `ended` then resolves with the error. */
export type WatchedProcess = Omit<Stoppable, 'ended'> & {
  spec: ProcessSpec;
  pid: number | null;
  ended: Promise<Ending>;
};

/**
 * Starts a program in a process group of its own with its output in a fresh log file. Never throws: a program that
 * cannot be started ends with an error.
 */
export function startWatchedProcess(spec: ProcessSpec): WatchedProcess {
  try {
    return spawnWatched(spec);
  } catch (error) {
    return { spec, pid: null, signal: () => undefined, ended: Promise.resolve(notStarted(error)) };
  }
}

function spawnWatched(spec: ProcessSpec): WatchedProcess {
  const log = openLog(spec.logFile);
  const { command, args, env, cwd, user } = spec;
  const child = spawn(command, args, { env, cwd, ...user, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    spec,
    pid: child.pid ?? null,
    ended,
    signal(name) {
      // Only while the child is ours to reap is its pid, and so its group, certainly still the one we started.
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      // SIGKILL goes to the whole group, so that nothing the program started outlives it.
      if (name === 'SIGKILL') process.kill(-child.pid, name);
      else child.kill(name);
    },
  };
}

/** One file per start, and the one of the start before: a log never mixes runs and never grows over the months. */
function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  try {
    renameSync(file, file.replace(/(\.log)?$/, '.previous.log'));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
  return openSync(file, 'a', 0o600);
}

function notStarted(error: unknown): Ending {
  return { code: null, signal: null, error: error instanceof Error ? error.message : String(error) };
}
