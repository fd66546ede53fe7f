import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, isRunning, readCommandLine } from './process-identity.ts';

/**
 * Clears what a killed run can leave around a data folder: a half-made cluster; a Postgres that no pid file names,
 * because its watchdog was killed between the two; and a `postmaster.pid` whose number a stranger has by now, which
 * would keep Postgres from starting for ever. The caller holds the lock of the data folder.
 */
export async function clearPostgresLeftovers(data: string): Promise<void> {
  const parent = dirname(data);
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    if (name.startsWith(`${basename(data)}.init-`)) rmSync(join(parent, name), { recursive: true });
  }
  const pidFile = join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  if (pid > 0 && readCommandLine(pid).includes(data)) await endPostmaster(pid);
  rmSync(pidFile, { force: true });
}

/** SIGQUIT: its backends end with it, and the next start recovers from the log. */
async function endPostmaster(pid: number): Promise<void> {
  const identity = identifyProcess(pid);
  if (!identity) return;
  process.kill(pid, 'SIGQUIT');
  while (isRunning(identity)) await delay(25);
}
