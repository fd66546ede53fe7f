/**
 * Ends its process when that takes too long, even in an endless loop, and when the runner was killed. SIGKILL, because
 * nothing gentler is certain to be heard.
 */
import { writeSync } from 'node:fs';
import { workerData as file } from 'node:worker_threads';

const LIMIT_S = 180;
const STDERR = 2;
const runner = process.ppid;

setTimeout(() => {
  writeSync(STDERR, `${file} did not end within ${LIMIT_S} s and is killed.\n`);
  process.kill(process.pid, 'SIGKILL');
}, LIMIT_S * 1_000);

setInterval(() => {
  if (process.ppid !== runner) process.kill(process.pid, 'SIGKILL');
}, 500);
