import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('../../script/bench', import.meta.url));

/** Which file runs which benchmarks: none is to take as long as a test file may. */
export const GROUPS = {
  requests: ['submit', 'batch', 'poll'],
  events: ['events', 'start', 'latency'],
  work: ['worker', 'scale', 'memory'],
  sizes: ['history', 'backlog'],
};

/** A little less than a test file may take: alone on two cores none takes a third of it. */
export const TIMEOUT_MS = 170_000;

type Figure = { name: string; value: unknown; floor: unknown; ratio: unknown };

/** Whether benchmarks still run and measure something. How much is no matter: what runs beside them would decide that. */
export async function runQuick(names: string[], signal: AbortSignal): Promise<void> {
  const child = spawn(BENCH, [...names, '--quick', '--json'], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [out, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);

  assert.equal(code, 0, errors);
  const figures = JSON.parse(out) as Figure[];
  assert.ok(figures.length >= names.length, out);
  for (const { name, value, floor, ratio } of figures) {
    // JSON has null for what is no number.
    assert.equal(typeof value, 'number', name);
    if (floor !== null) assert.equal(typeof ratio, 'number', name);
  }
}
