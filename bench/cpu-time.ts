import { readdirSync, readFileSync } from 'node:fs';

/** Of Linux on every machine that Node runs on: the unit of the times in /proc/PID/stat. */
const TICKS_A_SECOND = 100;

/** CPU milliseconds that a process has used so far; null off Linux. */
export function readCpuMs(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  return (readStat(pid)?.ownTicks ?? 0) * (1_000 / TICKS_A_SECOND);
}

/** The same of a process's parent and all children of that, those that have ended too: of a whole Postgres. */
export function readFamilyCpuMs(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  const parent = readStat(pid)?.parent;
  const stats = readdirSync('/proc').map((name) => (/^\d+$/.test(name) ? readStat(Number(name)) : undefined));
  const ticks = stats.map((stat) => {
    if (stat?.pid === parent) return (stat?.ownTicks ?? 0) + (stat?.endedChildrenTicks ?? 0);
    return stat?.parent === parent ? (stat?.ownTicks ?? 0) : 0;
  });
  return ticks.reduce((sum, one) => sum + one, 0) * (1_000 / TICKS_A_SECOND);
}

/** proc_pid_stat(5), from the third field on: what stands before, the name, may have any character in it. */
function readStat(pid: number) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    const [parent = 0] = fields.slice(1);
    const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11);
    return { pid, parent, ownTicks: user + system, endedChildrenTicks: childrenUser + childrenSystem };
  } catch (error) {
    // It has ended meanwhile, before or while it was read.
    if (['ENOENT', 'ESRCH'].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw error;
  }
}
