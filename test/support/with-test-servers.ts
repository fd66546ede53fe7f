import { mkdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { StackError } from '../../src/local/stack-error.ts';
import { startWatchdog } from '../../src/local/watchdog-client.ts';
import { whileWatched } from '../../src/local/while-watched.ts';
import { makeTempFolder } from './temp-folder.ts';
import { startTestServers } from './test-servers.ts';

/**
 * Does `work` with a Redis and a Postgres of its own, and answers its exit code. A signal aborts the work, a second one
 * the orderly stop; either way nothing stays behind.
 */
export async function withTestServers(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const [stop, hurry] = [new AbortController(), new AbortController()];
  let stoppedBy: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppedBy) hurry.abort();
    stoppedBy = signal;
    stop.abort(new Error(`stopped by ${signal}`));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

  const folder = makeTempFolder();
  try {
    const folders = {
      runFolder: join(folder, 'run'),
      logFolder: join(folder, 'logs'),
      folderToRemove: folder,
    };
    const watchdog = await startWatchdog(folders);
    const requests = { stopRequested: stop.signal, hurryRequested: hurry.signal };
    return await whileWatched(watchdog, requests, async (start, signal) => {
      const servers = { folder, watchdog: { start }, path: process.env.PATH ?? '', signal };
      // The temporary files of the tests go with the folder, also when the tests are killed.
      mkdirSync(join(folder, 'tmp'));
      Object.assign(process.env, await startTestServers(servers), { TMPDIR: join(folder, 'tmp') });
      return work(signal);
    });
  } catch (error) {
    if (stoppedBy) return 128 + constants.signals[stoppedBy];
    process.stderr.write(`${error instanceof StackError ? error.message : (error as Error).stack}\n`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
