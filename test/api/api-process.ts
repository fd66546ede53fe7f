import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Json } from './api-client.ts';

const MAIN = fileURLToPath(new URL('../../src/api/main.ts', import.meta.url));

/** `node src/api/main.ts` with exactly this environment, and what it writes. */
export function startApiProcess(env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const news = new EventEmitter();
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      news.emit('output');
    });
  }
  const exited = once(child, 'close').then(([code]) => ({ code, ...output }));

  return {
    pid: child.pid ?? 0,
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** The log line with this message, once it is written. */
    async line(message: string): Promise<Json> {
      for (;;) {
        const lines = output.stdout.split('\n').filter(Boolean);
        const found = lines.map((line) => JSON.parse(line)).find((line) => line.msg === message);
        if (found) return found;
        await once(news, 'output', { signal: AbortSignal.timeout(20_000) });
      }
    },
    async stop(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}
export type ApiProcess = ReturnType<typeof startApiProcess>;
