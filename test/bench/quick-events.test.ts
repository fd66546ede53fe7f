import { test } from 'node:test';
import { GROUPS, runQuick, TIMEOUT_MS } from './run-quick.ts';

test('the benchmarks of events run', { timeout: TIMEOUT_MS }, ({ signal }) =>
  runQuick(GROUPS.events, signal),
);
