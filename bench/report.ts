import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { describeTarget, type Measured } from './figures.ts';
import type { Scenario } from './scenario.ts';

const RESULTS = new URL('RESULTS.md', import.meta.url);
/** What stands above this line is made anew; what is below is written by hand. */
const BY_HAND = '<!-- below: by hand -->';

export function printFigures(measured: Measured[], print: (line: string) => void): void {
  for (const line of toTable(measured)) print(line);
}

/** Keeps the figures in RESULTS.md, with the machine that they are of. */
export async function writeResults(measured: Measured[], scenarios: Scenario[]): Promise<void> {
  const old = await readFile(RESULTS, 'utf8').catch(() => '');
  const byHand = old.includes(BY_HAND) ? old.slice(old.indexOf(BY_HAND)) : `${BY_HAND}\n`;
  const lines = [
    '# What was measured',
    '',
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${describeMachine()}. Each figure and its floor come from one run, in turn;`,
    'both are medians. Made by `script/bench --keep`.',
    '',
    ...toTable(measured),
    '',
    '| benchmark | what it measures |',
    '|---|---|',
    ...scenarios.map(({ name, about }) => `| \`${name}\` | ${about} |`),
    '',
  ];
  await writeFile(RESULTS, `${lines.join('\n')}\n${byHand}`);
}

function toTable(measured: Measured[]): string[] {
  return [
    '| figure | value | floor | ratio | target | | CPU, in cores |',
    '|---|---|---|---|---|---|---|',
    ...measured.map(({ name, value, unit, floor, ratio, target, pass, cpu }) => {
      const shares = Object.entries(cpu ?? {}).map(([who, share]) => `${who} ${share.toFixed(2)}`);
      const figures = [
        `${round(value)} ${unit}`,
        floor === null ? '' : round(floor),
        ratio === null ? '' : ratio.toFixed(2),
      ];
      const verdict = [describeTarget(target, ratio !== null), pass ? 'pass' : '**fail**'];
      return `| ${[name, ...figures, ...verdict, shares.join(', ')].join(' | ')} |`;
    }),
  ];
}

function describeMachine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${process.platform}, ${cpus().length} × ${cpu?.model.trim() ?? 'CPU'}, ${memory} GiB`;
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
