/** The process of the embedded Supabase gateway. It is ready when its port answers. */
import { z } from 'zod';
import { loadConfig } from '../shared/config.ts';
import { createLogger, LOG_LEVEL } from '../shared/logger.ts';
import { stopOnSignal } from '../shared/shutdown.ts';
import { startGateway } from './gateway/start-gateway.ts';

const config = loadConfig(
  z.object({
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
    STORAGE_DIR: z.string(),
    JWT_SECRET: z.string().min(32),
    HOST: z.string().default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65_535),
    LOG_LEVEL,
  }),
  process.env,
);
const log = createLogger('gateway', config.LOG_LEVEL);
try {
  const gateway = await startGateway({
    databaseUrl: config.DATABASE_URL,
    storageDir: config.STORAGE_DIR,
    jwtSecret: config.JWT_SECRET,
    host: config.HOST,
    port: config.PORT,
    onError: (error) => log.error({ err: error }, 'gateway.failed'),
  });
  log.info({ url: gateway.url }, 'gateway.started');
  stopOnSignal({ log, deadlineMs: 12_000, stop: gateway.close });
} catch (error) {
  log.fatal({ err: error }, 'gateway.not_started');
  process.exit(1);
}
