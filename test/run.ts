/** Runs the tests on a Redis and a Postgres of their own: what `script/test` does after checking types and style. */
import { availableParallelism } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { type Selection, selectTests } from './support/select-tests.ts';
import { createTally, type Tally } from './support/tally.ts';
import { withTestServers } from './support/with-test-servers.ts';

/** For a single test; one that needs longer says so itself. The limit of a file is in file-guard-thread.ts. */
const TEST_LIMIT_MS = 60_000;

const fileGuard = new URL('./support/file-guard.ts', import.meta.url).href;
process.exitCode = await withTestServers(async (signal) =>
  report(await runTests(selectTests(process.argv.slice(2)), signal)),
);

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
