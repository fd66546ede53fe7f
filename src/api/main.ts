import { loadConfig } from '../shared/config.ts';
import { createLogger } from '../shared/logger.ts';
import { stopOnSignal } from '../shared/shutdown.ts';
import { apiConfig } from './config.ts';
import { startApi } from './start-api.ts';

const config = loadConfig(apiConfig, process.env);
const log = createLogger('api', config.LOG_LEVEL);
try {
  const api = await startApi(config, log);
  stopOnSignal({ log, deadlineMs: config.SHUTDOWN_GRACE_MS + 5_000, stop: api.stop });
} catch (error) {
  log.fatal({ err: error }, 'api.not_started');
  process.exit(1);
}
