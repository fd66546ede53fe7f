import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopOrphans } from './orphans.ts';
import { StackError } from './stack-error.ts';
import type { Ending, FromWatchdog, ProcessSpec, ToWatchdog } from './watchdog-messages.ts';

const watchdogProgram = fileURLToPath(new URL('watchdog.ts', import.meta.url));

/** A program under the watchdog. `ended` never rejects. */
export type RunningProcess = { spec: ProcessSpec; pid: number; ended: Promise<Ending> };

/** The parent's hold on its watchdog. */
export type Watchdog = {
  /** Starts a program. Throws a StackError when it cannot be started. */
  start(spec: ProcessSpec): Promise<RunningProcess>;
  /** Orders a stop in reverse order of start, or (`hurry`) one without grace, also while a stop runs. */
  order(what: 'stop' | 'hurry'): void;
  /** Orders a stop and resolves when nothing is left, the watchdog included. */
  stop(): Promise<void>;
  pid: number;
};

/**
 * Starts a watchdog whose pid files lie in `runFolder`. `folderToRemove` is removed when everything has stopped, even
 * if the caller was killed. Throws a StackError when the watchdog does not come up.
 */
export async function startWatchdog(folders: {
  runFolder: string;
  logFolder: string;
  folderToRemove?: string;
}): Promise<Watchdog> {
  const child = spawnWatchdog(folders);
  const starting = new Map<string, PromiseWithResolvers<number>>();
  const ending = new Map<string, PromiseWithResolvers<Ending>>();
  const ready = Promise.withResolvers<void>();
  const gone = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });

  child.on('message', (message: FromWatchdog) => {
    if (message.type === 'ready') ready.resolve();
    if (message.type === 'started') starting.get(message.name)?.resolve(message.pid);
    if (message.type === 'ended') end(message.name, message.ending);
  });
  gone.then(() => {
    const lost = { code: null, signal: null, error: 'the watchdog of the stack has ended' };
    for (const name of ending.keys()) end(name, lost);
    ready.reject(
      new StackError(`The watchdog did not start; see ${join(folders.logFolder, 'watchdog.log')}`),
    );
  });

  function end(name: string, how: Ending): void {
    starting.get(name)?.reject(new StackError(`${name} cannot be started: ${how.error}`));
    ending.get(name)?.resolve(how);
  }

  await ready.promise;
  return {
    pid: child.pid ?? 0,
    async start(spec) {
      const started = Promise.withResolvers<number>();
      const ended = Promise.withResolvers<Ending>();
      starting.set(spec.name, started);
      ending.set(spec.name, ended);
      if (!tell(child, { type: 'start', spec }))
        end(spec.name, { code: null, signal: null, error: 'no watchdog' });
      return { spec, pid: await started.promise, ended: ended.promise };
    },
    order(what) {
      tell(child, { type: what });
    },
    async stop() {
      tell(child, { type: 'stop' });
      await gone;
      // There are none, unless the watchdog itself was killed.
      await stopOrphans(folders.runFolder);
    },
  };
}

function spawnWatchdog(folders: {
  runFolder: string;
  logFolder: string;
  folderToRemove?: string;
}): ChildProcess {
  mkdirSync(folders.logFolder, { recursive: true });
  const log = openSync(join(folders.logFolder, 'watchdog.log'), 'w', 0o600);
  const args = [
    watchdogProgram,
    folders.runFolder,
    ...(folders.folderToRemove ? [folders.folderToRemove] : []),
  ];
  const child = spawn(process.execPath, args, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  return child;
}

/** False when the pipe is closed. A failed write closes it too, and `gone` tells of that. */
function tell(child: ChildProcess, message: ToWatchdog): boolean {
  if (!child.connected) return false;
  child.send(message, () => undefined);
  return true;
}
