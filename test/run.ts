/** Runs the tests on a Redis and a Postgres of their own: what `script/test` does after checking types and style. */
import { availableParallelism } from 'node:os';
import { runTests } from './support/run-tests.ts';
import { selectTests } from './support/select-tests.ts';
import { withTestServers } from './support/with-test-servers.ts';

const selection = selectTests(process.argv.slice(2));
process.exitCode = await withTestServers((signal) =>
  runTests(selection, { concurrency: availableParallelism(), signal }),
);
