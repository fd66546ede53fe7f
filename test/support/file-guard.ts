/**
 * Loaded into each test file before the file itself. A thread ends the file when it hangs or is abandoned; and a file
 * that leaves by process.exit before its tests have ended fails, where the runner would call it passed.
 */
import { writeSync } from 'node:fs';
import { after } from 'node:test';
import { isMainThread, Worker } from 'node:worker_threads';

const STDERR = 2;

if (isMainThread) {
  const file = process.argv[1] ?? '';
  let ended = false;
  after(() => {
    ended = true;
  });
  process.on('exit', () => {
    if (ended) return;
    writeSync(STDERR, `${file} left before all of its tests had ended.\n`);
    process.exitCode ||= 1;
  });
  new Worker(new URL('file-guard-thread.ts', import.meta.url), { execArgv: [], workerData: file }).unref();
}
