import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readCpuMs } from './cpu-time.ts';

const EXIT_WITH_PARENT = new URL('../test/support/exit-with-parent.ts', import.meta.url).href;

export type Child = {
  pid: number;
  /** The first line that `read` makes something of; lines that came before count. */
  read<T>(read: (line: string) => T | undefined): Promise<T>;
  cpuMs(): number | null;
  /** To its stdin. */
  say(text: string): void;
  /** SIGTERM; resolves when it is gone. */
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/**
 * Runs a file of this repository in a process of its own, with this environment and no other. It dies with the benchmark.
 * Flags of the benchmark's own Node hold for it, too: with `--cpu-prof` every process writes a profile.
 */
export function startChild(file: string, env: Record<string, string>, flags: string[] = []): Child {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, ...flags, '--import', EXIT_WITH_PARENT, path], {
    env: { PATH: process.env.PATH ?? '', TMPDIR: process.env.TMPDIR ?? '/tmp', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const lines: string[] = [];
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      if (lines.length > 2_000) lines.shift();
      for (const look of looks) look();
    });
  }
  const pid = pidOf(child);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await closed;
  };
  return {
    pid,
    read<T>(read: (line: string) => T | undefined): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const look = () => {
        for (const line of lines) {
          const found = read(line);
          if (found !== undefined) return resolve(found);
        }
      };
      looks.add(look);
      look();
      closed.then((how) =>
        reject(new Error(`${file} ended (${JSON.stringify(how)}):\n${lines.slice(-10).join('\n')}`)),
      );
      return promise.finally(() => looks.delete(look));
    },
    cpuMs: () => readCpuMs(pid),
    say: (text) => void child.stdin.write(text),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** For `read`: a line of a log with this message. */
export function logged(message: string) {
  return (line: string): Record<string, unknown> | undefined => {
    if (!line.includes(`"${message}"`)) return undefined;
    const entry = JSON.parse(line) as Record<string, unknown>;
    return entry.msg === message ? entry : undefined;
  };
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('The process could not be started.');
  return pid;
}
