/** Starts Postgres in a data folder and waits, for tests that kill it or run it as another user. */
import { join } from 'node:path';
import { startPostgres } from '../../src/local/postgres.ts';
import { startWatchdog } from '../../src/local/watchdog-client.ts';
import '../support/exit-with-parent.ts';

const [dataDir = '', port = ''] = process.argv.slice(2);
const logFolder = join(dataDir, 'logs');
const watchdog = await startWatchdog({ runFolder: join(dataDir, 'run'), logFolder });
const { url } = await startPostgres({
  watchdog,
  dataDir,
  logFolder,
  port: Number(port),
  password: 'secret',
  throwaway: true,
  signal: new AbortController().signal,
});
process.on('SIGTERM', () => watchdog.stop().then(() => process.exit(0)));
process.stdout.write(url);
