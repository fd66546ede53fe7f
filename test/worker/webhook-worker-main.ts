/** A worker in a process of its own, to be killed, to whom the names of TEST_RECEIVER_CA's receiver are public ones. */
import { createLogger } from '../../src/shared/logger.ts';
import { workerConfig } from '../../src/worker/config.ts';
import { createRequestPublic } from '../../src/worker/public-request.ts';
import { startWorker } from '../../src/worker/start-worker.ts';

const { TEST_RECEIVER_CA: ca = '', ...env } = process.env;
const requestPublic = createRequestPublic({
  resolve: async () => ['127.0.0.1'],
  isPublic: (address) => address === '127.0.0.1',
  ca,
});
await startWorker(
  workerConfig.parse(env),
  createLogger('worker', 'info'),
  process.exit,
  undefined,
  requestPublic,
);
