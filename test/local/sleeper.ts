import { join } from 'node:path';
import type { ProcessSpec, StopPlan } from '../../src/local/watchdog-messages.ts';

/** A program that waits to be stopped and then writes its name in the file `stopped` of its folder. */
export function describeSleeper(name: string, folder: string, stop: Partial<StopPlan> = {}): ProcessSpec {
  return describeShell(name, folder, `trap 'echo ${name} >> stopped; exit 0' TERM`, stop);
}

/** A program that does not hear its stop signal. */
export function describeDeafSleeper(name: string, folder: string, stop: Partial<StopPlan> = {}): ProcessSpec {
  return describeShell(name, folder, "trap '' TERM", stop);
}

function describeShell(name: string, folder: string, trap: string, stop: Partial<StopPlan>): ProcessSpec {
  return {
    name,
    command: '/bin/sh',
    args: ['-c', `${trap}; echo ready; while :; do sleep 0.05; done`],
    env: { PATH: '/usr/bin:/bin' },
    cwd: folder,
    logFile: join(folder, `${name}.log`),
    stop: { signal: 'SIGTERM', graceMs: 10_000, hurrySignal: 'SIGKILL', ...stop },
  };
}
