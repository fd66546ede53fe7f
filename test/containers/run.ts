/**
 * `script/test containers`: the tests of what needs Supabase, on real servers in containers. Exits with 3 when there is no
 * Docker, or no image.
 */
import { runTests } from '../support/run-tests.ts';
import { createStopSignal } from '../support/stop-signal.ts';
import { writeGivenSupabase } from '../support/test-environment.ts';
import { findMissing } from './find-missing.ts';
import { selectForSupabase } from './selection.ts';
import { startContainers } from './start-containers.ts';

const missing = await findMissing();
if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(3);
}

const signal = createStopSignal();
const names = process.argv.slice(2);
const { selection, leftOut } = selectForSupabase(names.length > 0 ? names : undefined);
for (const [file, reason] of leftOut) process.stdout.write(`left out: ${file}, which ${reason}\n`);
const containers = await startContainers();
try {
  process.env.TEST_SUPABASE = writeGivenSupabase(containers.supabase);
  process.env.TEST_REDIS_URL = containers.redisUrl;
  // All files are on one database, so one after another.
  process.exitCode = await runTests(selection, { concurrency: 1, signal });
} finally {
  await containers.stop();
}
