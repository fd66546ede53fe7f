import { setTimeout as delay } from 'node:timers/promises';
import { type PidFile, readPidFiles, removePidFile } from './pid-files.ts';
import { isRunning } from './process-identity.ts';
import { isSystemError } from './stack-error.ts';
import { endsWithin, type Stoppable, stopProcess } from './stop-process.ts';

/** The pid file of the watchdog itself. */
export const WATCHDOG = 'watchdog';

/** A watchdog whose parent died needs at most its own limit of five seconds and some hurried endings. */
const WATCHDOG_MS = 20_000;

/**
 * Stops what an earlier run left in this run folder, in reverse order of its start. Usually there is nothing; after a
 * kill -9 of the parent its watchdog may still be at work, and is waited for; after a kill -9 of the watchdog too, the
 * processes of its pid files are stopped from here. A pid that now belongs to another process is left alone.
 *
 * The caller holds the lock of the data folder, so nobody starts anything meanwhile.
 */
export async function stopOrphans(runFolder: string): Promise<void> {
  const [watchdogs, others] = splitWatchdog(readPidFiles(runFolder));
  for (const watchdog of watchdogs) {
    const orphan = stoppable(watchdog);
    if (!(await endsWithin(orphan.ended, WATCHDOG_MS))) orphan.signal('SIGKILL');
    await orphan.ended;
    removePidFile(runFolder, WATCHDOG);
  }
  for (const record of others) {
    if (isRunning(record)) await stopProcess(stoppable(record), record.stop, new AbortController().signal);
    removePidFile(runFolder, record.name);
  }
}

function splitWatchdog(records: PidFile[]): [PidFile[], PidFile[]] {
  return [records.filter((r) => r.name === WATCHDOG), records.filter((r) => r.name !== WATCHDOG)];
}

function stoppable(record: PidFile): Stoppable {
  return {
    ended: whenGone(record),
    signal(name) {
      // SIGKILL goes to the whole group, which the process leads: nothing that it started outlives it.
      if (isRunning(record)) signalProcess(name === 'SIGKILL' ? -record.pid : record.pid, name);
    },
  };
}

async function whenGone(record: PidFile): Promise<void> {
  while (isRunning(record)) await delay(25);
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}
