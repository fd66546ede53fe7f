import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createBatchSteps } from '../shared/batch-steps.ts';
import { openConnections } from '../shared/connections.ts';
import { createCheckDependencies } from '../shared/dependencies.ts';
import { createExpireStep } from '../shared/expire-step.ts';
import { createFoldStep } from '../shared/fold-step.ts';
import type { Logger } from '../shared/logger.ts';
import { createMetricsPage } from '../shared/metrics/metrics-page.ts';
import { createRegistry } from '../shared/metrics/registry.ts';
import { createModels } from '../shared/models.ts';
import { startTracing } from '../shared/start-tracing.ts';
import { sweepTempFolders } from '../shared/temp-folders.ts';
import { createTimers } from '../shared/timers.ts';
import { createWebhookSealing } from '../shared/webhook-sealing.ts';
import { createApp } from './app.ts';
import { createIdentifyCaller } from './caller.ts';
import { listenForChanges } from './changes.ts';
import type { ApiConfig } from './config.ts';
import { createEventLinks } from './events/event-links.ts';
import { openEvents } from './events/open-events.ts';
import { createFindApiKey } from './find-api-key.ts';
import { createHttpMetrics } from './http-metrics.ts';
import { NEEDED_FUNCTIONS } from './needed-functions.ts';
import { openPromptRedis } from './prompt-redis.ts';
import { createReadQueue } from './queue-snapshot.ts';
import { createRateLimit } from './rate-limit.ts';
import { createRateLimitMetrics } from './rate-limit-metrics.ts';
import { createReadImage } from './read-image.ts';
import { createSubmit } from './submitter.ts';
import { createUploadSlots } from './upload-slots.ts';
import { createVerifyToken } from './verify-token.ts';

/** One API process, put together and listening. It waits for no dependency: /readyz tells how they are. */
export async function startApi(
  config: ApiConfig,
  plainLog: Logger,
): Promise<{ url: string; stop(): Promise<void> }> {
  const tracing = await startTracing(config, {
    serviceName: 'darkroom-api',
    believeParents: false,
    log: plainLog,
  });
  const log = tracing.addTo(plainLog);
  sweepTempFolders('upload').catch((error: unknown) => log.warn({ err: error }, 'uploads.not_swept'));
  const registry = createRegistry();
  const connections = openConnections(config, { registry, tracing, log });
  const { store, release, failpoint } = connections;
  const submit = createSubmit(connections);
  const readQueue = createReadQueue({ store, log });
  const changes = listenForChanges({ redisUrl: config.REDIS_URL, prefix: config.QUEUE_PREFIX, log });
  const leaving = new AbortController();
  const verifyToken = createVerifyToken({
    issuer: config.SUPABASE_JWT_ISSUER ?? `${config.SUPABASE_PUBLIC_URL ?? config.SUPABASE_URL}/auth/v1`,
    secret: config.SUPABASE_JWT_SECRET,
    jwksUrl: config.SUPABASE_JWKS_URL ?? `${config.SUPABASE_URL}/auth/v1/.well-known/jwks.json`,
  });
  const identify = createIdentifyCaller({
    verifyToken,
    findApiKey: createFindApiKey({ store }),
    serviceKey: config.SUPABASE_SERVICE_ROLE_KEY,
    adminToken: config.ADMIN_TOKEN,
  });
  const limitRedis = openPromptRedis(config.REDIS_URL, config.RATE_LIMIT_PATIENCE_MS, log);
  const models = createModels(config.MODELS_FILE, config.DEFAULT_MODEL);
  const checkDependencies = createCheckDependencies({ ...connections, neededFunctions: NEEDED_FUNCTIONS });
  const batchSteps = createBatchSteps({ ...connections, log });
  const events = openEvents(config, {
    store,
    changes,
    redis: limitRedis,
    readQueue,
    registry,
    leaving: leaving.signal,
    log,
  });
  const app = createApp({
    ...connections,
    batchSteps,
    store: {
      ...store,
      async addBatchImages(...page) {
        const isAdded = await store.addBatchImages(...page);
        failpoint('api.after_batch_page');
        return isAdded;
      },
      async sealBatch(...batch) {
        const sealed = await store.sealBatch(...batch);
        failpoint('api.after_batch_seal');
        return sealed;
      },
    },
    async submit(item) {
      const submitted = await submit(item);
      failpoint('api.after_insert', item.full_prompt);
      return submitted;
    },
    readImage: createReadImage(connections),
    readQueue,
    release: {
      ...release,
      request() {
        release.request();
        // With that a submit has done all that its answer tells.
        failpoint('api.before_answer');
      },
    },
    models,
    identify,
    rateLimit: createRateLimit({
      limits: { submit: config.RATE_LIMIT_SUBMIT, request: config.RATE_LIMIT_REQUEST },
      redis: limitRedis,
      prefix: config.QUEUE_PREFIX,
      identify,
      ...createRateLimitMetrics(registry),
      log,
    }),
    eventLinks: createEventLinks(config.EVENTS_TOKEN_KEY ?? config.SUPABASE_SERVICE_ROLE_KEY),
    ...events,
    withUploadSlot: createUploadSlots(config.UPLOADS_AT_ONCE),
    checkDependencies,
    observeRequests: createHttpMetrics(registry),
    metricsPage: createMetricsPage({ registry, models, store, checkDependencies, log }),
    metricsToken: config.METRICS_TOKEN,
    changes,
    leaving: leaving.signal,
    anonymousAccess: config.ANONYMOUS_ACCESS,
    webhookSealing: config.WEBHOOK_ENCRYPTION_KEY
      ? createWebhookSealing(config.WEBHOOK_ENCRYPTION_KEY)
      : null,
    corsOrigins: config.CORS_ORIGINS,
    trustedProxies: config.TRUSTED_PROXIES,
    log,
  });

  const server = createServer(app);
  let stopping = false;
  // close() waits for connections that clients keep alive, also when the last answer has gone out on them.
  server.on('request', (_req, res) => {
    res.once('close', () => stopping && server.closeIdleConnections());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(config.PORT, config.HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://${config.HOST}:${port}`;

  // Deadlines pass, and usage is counted, also while no worker lives.
  const timers = createTimers(log, connections.observeStep);
  timers.every('deadlines', config.EXPIRE_EVERY_MS, createExpireStep({ store, release, log }));
  timers.every('usage', config.EXPIRE_EVERY_MS, createFoldStep({ store }));
  log.info({ url }, 'api.started');

  const leave = async (): Promise<void> => {
    stopping = true;
    leaving.abort();
    timers.stop();
    const closed = new Promise((resolve) => server.close(resolve));
    await Promise.race([closed, delay(config.SHUTDOWN_GRACE_MS, undefined, { ref: false })]);
    server.closeAllConnections();
    await release.idle();
    events.close();
    changes.close();
    limitRedis.disconnect();
    await connections.close();
  };
  let left: Promise<void> | undefined;
  return {
    url,
    /** Takes no new connections, answers whoever waits, lets requests end, then leaves. */
    stop() {
      left ??= leave();
      return left;
    },
  };
}
