import { loadConfig } from '../shared/config.ts';
import { createLogger } from '../shared/logger.ts';
import { stopOnSignal } from '../shared/shutdown.ts';
import { workerConfig } from './config.ts';
import { LAST_REPORTS_MS, startWorker } from './start-worker.ts';

const config = loadConfig(workerConfig, process.env);
const log = createLogger('worker', config.LOG_LEVEL);
try {
  const worker = await startWorker(config, log, () => process.exit(1));
  stopOnSignal({ log, deadlineMs: config.SHUTDOWN_GRACE_MS + LAST_REPORTS_MS, stop: worker.stop });
} catch (error) {
  log.fatal({ err: error }, 'worker.not_started');
  process.exit(1);
}
