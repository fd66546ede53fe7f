/** Runs the tests on a Redis and a Postgres of their own: what `script/test` does after checking types and style. */
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { StackError } from '../src/local/stack-error.ts';
import { startWatchdog } from '../src/local/watchdog-client.ts';
import { whileWatched } from '../src/local/while-watched.ts';
import { type Selection, selectTests } from './support/select-tests.ts';
import { createTally, type Tally } from './support/tally.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { startTestServers } from './support/test-servers.ts';

/** For a single test; one that needs longer says so itself. The limit of a file is in file-guard-thread.ts. */
const TEST_LIMIT_MS = 60_000;

const fileGuard = new URL('./support/file-guard.ts', import.meta.url).href;
const stop = new AbortController();
const hurry = new AbortController();
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
process.exitCode = await main();

async function main(): Promise<number> {
  const folder = makeTempFolder();
  try {
    const folders = {
      runFolder: join(folder, 'run'),
      logFolder: join(folder, 'logs'),
      folderToRemove: folder,
    };
    const watchdog = await startWatchdog(folders);
    const requests = { stopRequested: stop.signal, hurryRequested: hurry.signal };
    const tally = await whileWatched(watchdog, requests, async (start, signal) => {
      const servers = { folder, watchdog: { start }, path: process.env.PATH ?? '', signal };
      // The temporary files of the tests go with the folder, also when the tests are killed.
      mkdirSync(join(folder, 'tmp'));
      Object.assign(process.env, await startTestServers(servers), { TMPDIR: join(folder, 'tmp') });
      return runTests(selectTests(process.argv.slice(2)), signal);
    });
    return report(tally);
  } catch (error) {
    if (stoppedBy) return 128 + constants.signals[stoppedBy];
    process.stderr.write(`${error instanceof StackError ? error.message : (error as Error).stack}\n`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws the reason of `signal` when that fires; the runner ends the test files then. */
async function runTests({ files, testNamePatterns }: Selection, signal: AbortSignal): Promise<Tally> {
  const events = run({
    files,
    testNamePatterns,
    concurrency: availableParallelism(),
    timeout: TEST_LIMIT_MS,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', fileGuard],
    signal,
  });
  const tally = createTally(events);
  const lines = events.compose(spec);
  for await (const line of lines) process.stdout.write(line);
  signal.throwIfAborted();
  return tally.finish({ files, expectTests: testNamePatterns.length === 0 });
}

/** The last line is the count; returns the exit code. */
function report({ passed, failed, problems }: Tally): number {
  for (const problem of problems) process.stdout.write(`✖ ${problem}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

function onSignal(signal: NodeJS.Signals): void {
  if (stoppedBy) hurry.abort();
  stoppedBy = signal;
  stop.abort(new Error(`stopped by ${signal}`));
}
