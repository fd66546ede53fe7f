import { startBenchStack } from '../bench-stack.ts';
import { startChild } from '../child.ts';
import type { Measured } from '../figures.ts';
import { interleave, judge } from '../figures.ts';
import type { Scenario } from '../scenario.ts';

export const start: Scenario = {
  name: 'start',
  about: 'from a start to serving; floor: a process that only imports the same packages',
  async run({ quick, repeats }) {
    const stack = await startBenchStack();
    try {
      const measured: Measured[] = [];
      for (const what of ['api', 'worker'] as const) {
        const times = await interleave(quick ? 1 : repeats * 3, {
          floor: async () => {
            const from = performance.now();
            const child = startChild('bench/floors/imports-main.ts', { OF: what });
            await child.read((line) => (line === 'imported' ? line : undefined));
            return performance.now() - from;
          },
          value: async () => {
            const from = performance.now();
            const child = what === 'api' ? (await stack.startApi()).child : await stack.startWorker();
            const ms = performance.now() - from;
            await child.kill();
            return ms;
          },
        });
        measured.push(judge({ name: `start of the ${what}`, ...times, unit: 'ms', target: { at_most: 2 } }));
      }
      return measured;
    } finally {
      await stack.stop();
    }
  },
};
