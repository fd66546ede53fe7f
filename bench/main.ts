/** `script/bench [NAME…] [--quick] [--json]`: measures on servers of its own, each figure beside its floor. */
import { parseArgs } from 'node:util';
import { withTestServers } from '../test/support/with-test-servers.ts';
import { measureCosts } from './costs.ts';
import type { Measured } from './figures.ts';
import { printFigures, writeResults } from './report.ts';
import { SCENARIOS } from './scenarios.ts';

const say = (line: string) => void process.stderr.write(`${line}\n`);
const { values: flags, positionals: names } = readArguments();

if (names[0] === 'costs') {
  process.exitCode = await withTestServers(async () => {
    await measureCosts((line) => void process.stdout.write(`${line}\n`));
    return 0;
  });
} else {
  process.exitCode = await withTestServers(measure);
}

async function measure(signal: AbortSignal): Promise<number> {
  const effort = { quick: flags.quick, repeats: flags.quick ? 1 : 3 };
  const measured: Measured[] = [];
  for (const { name, about, run } of SCENARIOS) {
    if (names.length > 0 && !names.includes(name)) continue;
    signal.throwIfAborted();
    say(`${name}: ${about}`);
    const from = performance.now();
    measured.push(...(await run(effort, say)));
    say(`${name}: took ${((performance.now() - from) / 1_000).toFixed(1)} s\n`);
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(measured.map(toJson), null, 2)}\n`);
  else printFigures(measured, (line) => void process.stdout.write(`${line}\n`));
  if (flags.keep) await writeResults(measured, SCENARIOS);
  // The quick form is too short for verdicts.
  return flags.quick || measured.every(({ pass }) => pass) ? 0 : 1;
}

function toJson({ name, value, unit, floor, ratio, target, pass }: Measured) {
  return { name, value, unit, floor, ratio, target, pass };
}

function readArguments() {
  const options = {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  } as const;
  const known = ['costs', ...SCENARIOS.map(({ name }) => name)];
  try {
    const read = parseArgs({ options, allowPositionals: true });
    const unknown = read.positionals.filter((name) => !known.includes(name));
    if (unknown.length > 0) throw new Error(`There is no benchmark ${unknown.join(', ')}.`);
    return read;
  } catch (error) {
    say(`${(error as Error).message}\nscript/bench [${known.join(' | ')}] [--quick] [--json] [--keep]`);
    process.exit(2);
  }
}
