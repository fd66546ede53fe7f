/** A parent with a watchdog and two sleepers, for tests that kill it. Arguments: its folder, and one to remove. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startWatchdog } from '../../src/local/watchdog-client.ts';
import '../support/exit-with-parent.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeSleeper } from './sleeper.ts';

const [folder = '', folderToRemove] = process.argv.slice(2);
process.on('SIGINT', () => process.stdout.write('parent was interrupted\n'));
const watchdog = await startWatchdog({
  runFolder: join(folder, 'run'),
  logFolder: join(folder, 'logs'),
  ...(folderToRemove && { folderToRemove }),
});
for (const name of ['first', 'second']) {
  await watchdog.start(describeSleeper(name, folder));
  const log = join(folder, `${name}.log`);
  await waitFor(`${name} to be ready`, () => existsSync(log) && readFileSync(log, 'utf8').includes('ready'));
}
process.stdout.write('running\n');
