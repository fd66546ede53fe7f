import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LogLine } from './log-lines.ts';
import type { Env } from './test-stack.ts';

export type WorkerProcess = {
  child: ChildProcess;
  /** Waits for a log line with this message; those that came before count. */
  waitForLine(message: string): Promise<LogLine>;
  lines: LogLine[];
  stderr(): string;
  exitCode: Promise<number | null>;
};

/** Runs `src/worker/main.ts` in a process of its own, with this environment and no other. */
export function startWorkerProcess(env: Env): WorkerProcess {
  const child = spawn(process.execPath, ['src/worker/main.ts'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface(child.stdout).on('line', (line) => {
    lines.push(JSON.parse(line) as LogLine);
    for (const look of waiting) look();
  });
  const exitCode = once(child, 'close').then(([code]) => code as number | null);

  return {
    child,
    lines,
    exitCode,
    stderr: () => stderr,
    waitForLine(message) {
      const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
      const look = () => {
        const found = lines.find(({ msg }) => msg === message);
        if (found) resolve(found);
      };
      waiting.add(look);
      look();
      exitCode.then((code) => reject(new Error(`exited with ${code} before '${message}': ${stderr}`)));
      return promise.finally(() => waiting.delete(look));
    },
  };
}
