import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runSoak } from './run-soak.ts';

it('a minute of load and harm loses, doubles and orphans nothing', { timeout: 170_000 }, async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);

  const verdict = await runSoak({ minutes: 1, seed, print, signal: t.signal });

  t.diagnostic(`seed ${seed}: ${verdict.line}`);
  assert.ok(verdict.isKept, lines.join('\n'));
});
