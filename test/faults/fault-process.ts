import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LogLine } from '../support/log-lines.ts';
import type { Env } from '../support/test-stack.ts';

const PRELOADED = ['../support/exit-with-parent.ts', './keep-compiled.ts'].flatMap((file) => [
  '--import',
  new URL(file, import.meta.url).href,
]);
/** Half of a process's start is compiling, and these tests start many. */
const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), 'darkroom-compiled') };

export type End = { code: number | null; signal: NodeJS.Signals | null };

/** An API or a worker in a process of its own, to do harm to. */
export type FaultProcess = {
  lines: LogLine[];
  /** Waits for a log line with this message; those that came before count. */
  waitForLine(message: string): Promise<LogLine>;
  ended: Promise<End>;
  stderr(): string;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<End>;
  freeze(): void;
  thaw(): void;
  /** SIGTERM; resolves when it has left. */
  terminate(): Promise<End>;
};

/** Runs `src/{what}/main.ts` with this environment and no other. It dies with the test file. */
export function startFaultProcess(what: 'api' | 'worker', env: Env): FaultProcess {
  const child = spawn(process.execPath, [...PRELOADED, `src/${what}/main.ts`], {
    env: { ...COMPILED, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }) as End);
  const output = readOutput(child);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  return {
    lines: output.lines,
    stderr: output.stderr,
    ended,
    waitForLine(message) {
      const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
      const look = () => {
        const found = output.lines.find(({ msg }) => msg === message);
        if (found) resolve(found);
      };
      output.onLine(look);
      look();
      ended.then((how) =>
        reject(new Error(`${what} ended (${JSON.stringify(how)}) before '${message}': ${output.stderr()}`)),
      );
      return promise;
    },
    kill: () => end('SIGKILL'),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    terminate: () => end('SIGTERM'),
  };
}

function readOutput(child: ChildProcess) {
  const lines: LogLine[] = [];
  const listeners: (() => void)[] = [];
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  if (child.stdout)
    createInterface(child.stdout).on('line', (line) => {
      // What is killed may leave half a line.
      if (!line.endsWith('}')) return;
      lines.push(JSON.parse(line) as LogLine);
      for (const listener of listeners) listener();
    });
  return { lines, stderr: () => stderr, onLine: (listener: () => void) => listeners.push(listener) };
}
