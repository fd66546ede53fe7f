/** `script/bench NAME`: measures on servers of its own. */
import { withTestServers } from '../test/support/with-test-servers.ts';
import { measureCosts } from './costs.ts';

const SCENARIOS: Record<string, (print: (line: string) => void) => Promise<void>> = { costs: measureCosts };
const USAGE = `script/bench ${Object.keys(SCENARIOS).join(' | ')}`;

const scenario = SCENARIOS[process.argv[2] ?? ''];
if (scenario) {
  process.exitCode = await withTestServers(async () => {
    await scenario((line) => void process.stdout.write(`${line}\n`));
    return 0;
  });
} else {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 2;
}
