import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import type { Selection } from './select-tests.ts';
import { createTally } from './tally.ts';

/** For a single test; one that needs longer says so itself. The limit of a file is in file-guard-thread.ts. */
const TEST_LIMIT_MS = 60_000;

const fileGuard = new URL('./file-guard.ts', import.meta.url).href;

/**
 * Runs test files, so many at once, and answers the exit code; the last line is the count. Throws the reason of `signal`
 * when that fires; the runner ends the test files then.
 */
export async function runTests(
  { files, testNamePatterns }: Selection,
  { concurrency, signal }: { concurrency: number; signal: AbortSignal },
): Promise<number> {
  const events = run({
    files,
    testNamePatterns,
    concurrency,
    timeout: TEST_LIMIT_MS,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', fileGuard],
    signal,
  });
  const tally = createTally(events);
  const lines = events.compose(spec);
  for await (const line of lines) process.stdout.write(line);
  signal.throwIfAborted();
  const { passed, failed, problems } = tally.finish({ files, expectTests: testNamePatterns.length === 0 });
  for (const problem of problems) process.stdout.write(`✖ ${problem}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
