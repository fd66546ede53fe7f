import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCENARIOS } from '../../bench/scenarios.ts';
import { GROUPS } from './run-quick.ts';

test('every benchmark is run by a test', () => {
  assert.deepEqual(Object.values(GROUPS).flat().toSorted(), SCENARIOS.map(({ name }) => name).toSorted());
});
