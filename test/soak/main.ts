/** `script/test soak`: load and harm for as long as one likes. */
import { parseArgs } from 'node:util';
import { withTestServers } from '../support/with-test-servers.ts';
import { runSoak } from './run-soak.ts';

const USAGE = 'script/test soak [--minutes 10] [--seed N]';

const settings = readSettings();
process.exitCode =
  settings === null
    ? 2
    : await withTestServers(async (signal) => {
        const print = (line: string) => void process.stdout.write(`${line}\n`);
        const { isKept } = await runSoak({ ...settings, print, signal });
        return isKept ? 0 : 1;
      });

function readSettings(): { minutes: number; seed: number } | null {
  try {
    const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
    const minutes = Number(values.minutes ?? 10);
    const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
    if (!(minutes > 0) || !Number.isSafeInteger(seed))
      throw new Error('takes a number of minutes and a seed');
    return { minutes, seed };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return null;
  }
}
