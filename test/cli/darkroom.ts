import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/darkroom.js', import.meta.url));
const PRELOADED = new URL('../support/exit-with-parent.ts', import.meta.url).href;

export type Ended = { code: number | null; stdout: string; stderr: string };
export type RunOptions = { env?: Record<string, string>; cwd?: string; stdin?: string; program?: string };

/** `darkroom` as a process of its own, with this environment and no other. It dies with the test file. */
export function startDarkroom(args: string[], { env = {}, cwd, stdin, program = PROGRAM }: RunOptions = {}) {
  const child = spawn(process.execPath, ['--import', PRELOADED, program, ...args], {
    env: { PATH: String(process.env.PATH), TMPDIR: tmpdir(), ...env },
    ...(cwd && { cwd }),
    stdio: 'pipe',
  });
  const output = { stdout: '', stderr: '' };
  const lookers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const look of lookers) look();
    });
  }
  // One that does not read its stdin may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin ?? '');
  const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    ...output,
  }));
  return {
    child,
    ended,
    /** Resolves when this was said on stderr. */
    said(text: string): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => {
        if (output.stderr.includes(text)) resolve();
      };
      lookers.add(look);
      look();
      ended.then(({ stderr }) => reject(new Error(`it ended before it said "${text}": ${stderr}`)));
      return promise.finally(() => lookers.delete(look));
    },
  };
}

/** Runs it to its end. */
export const runDarkroom = (args: string[], options: RunOptions = {}): Promise<Ended> =>
  startDarkroom(args, options).ended;
