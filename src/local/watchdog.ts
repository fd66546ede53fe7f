/**
 * The watchdog: a process of its own, in a session of its own, that starts the programs of the embedded stack and is
 * their only parent. A Ctrl-C in the terminal reaches neither it nor them; the parent orders the stop, so that a worker
 * drains while Redis and Postgres still run. When the pipe to the parent closes, however the parent ended, the watchdog
 * stops everything on its own.
 *
 * Arguments: the folder for pid files, and optionally a folder to remove at the end.
 */
import { rmSync } from 'node:fs';
import { WATCHDOG } from './orphans.ts';
import { removePidFile, writePidFile } from './pid-files.ts';
import { identifyProcess } from './process-identity.ts';
import { stopProcess } from './stop-process.ts';
import type { FromWatchdog, ProcessSpec, StopPlan, ToWatchdog } from './watchdog-messages.ts';
import { startWatchedProcess, type WatchedProcess } from './watched-process.ts';

/** Nobody waits for a stack whose parent is gone: what still runs after this is ended at once. */
const ABANDONED_MS = 5_000;
const OWN_STOP: StopPlan = { signal: 'SIGTERM', graceMs: ABANDONED_MS, hurrySignal: 'SIGTERM' };

const [runFolder = '', folderToRemove] = process.argv.slice(2);
const running: WatchedProcess[] = [];
const hurry = new AbortController();
let starts = 0;
let stopping = false;

process.on('message', (message: ToWatchdog) => {
  if (message.type === 'start') start(message.spec);
  if (message.type === 'hurry') hurry.abort();
  if (message.type !== 'start') stopAll();
});
process.on('disconnect', abandon);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, abandon);
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack}\n`);
  abandon();
});
record(WATCHDOG, process.pid, OWN_STOP);
tellParent({ type: 'ready' });

function start(spec: ProcessSpec): void {
  if (stopping) return;
  const child = startWatchedProcess(spec);
  if (child.pid !== null) {
    running.push(child);
    record(spec.name, child.pid, spec.stop);
    tellParent({ type: 'started', name: spec.name, pid: child.pid });
  }
  child.ended.then((ending) => {
    if (running.includes(child)) running.splice(running.indexOf(child), 1);
    removePidFile(runFolder, spec.name);
    tellParent({ type: 'ended', name: spec.name, ending });
  });
}

async function stopAll(): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const child of running.toReversed()) await stopProcess(child, child.spec.stop, hurry.signal);
  if (folderToRemove) rmSync(folderToRemove, { recursive: true, force: true, maxRetries: 5 });
  removePidFile(runFolder, WATCHDOG);
  process.exit(0);
}

function abandon(): void {
  setTimeout(() => hurry.abort(), ABANDONED_MS);
  stopAll();
}

function record(name: string, pid: number, stop: StopPlan): void {
  const identity = identifyProcess(pid);
  if (identity) writePidFile(runFolder, { ...identity, name, order: starts++, stop });
}

/** The parent may be gone; then nobody needs to hear it. */
function tellParent(message: FromWatchdog): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
