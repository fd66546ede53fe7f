import { test } from 'node:test';
import { GROUPS, runQuick, TIMEOUT_MS } from './run-quick.ts';

test('the benchmarks of requests run', { timeout: TIMEOUT_MS }, ({ signal }) =>
  runQuick(GROUPS.requests, signal),
);
