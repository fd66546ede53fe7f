/** The floor of the API: the same Express app, validating and answering, without Postgres and Redis behind it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../../src/api/app.ts';
import { createIdentifyCaller } from '../../src/api/caller.ts';
import { createEventLinks } from '../../src/api/events/event-links.ts';
import type { EventPlaces } from '../../src/api/events/event-places.ts';
import type { EventStreams } from '../../src/api/events/event-streams.ts';
import { createHttpMetrics } from '../../src/api/http-metrics.ts';
import { createUploadSlots } from '../../src/api/upload-slots.ts';
import { createVerifyToken } from '../../src/api/verify-token.ts';
import type { BatchSteps } from '../../src/shared/batch-steps.ts';
import type { Generation } from '../../src/shared/generation.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createRegistry } from '../../src/shared/metrics/registry.ts';
import { createModels, modelsConfig } from '../../src/shared/models.ts';
import { toPendingGeneration } from '../../src/shared/pending-generation.ts';
import type { JobQueue } from '../../src/shared/queue.ts';
import type { Storage } from '../../src/shared/storage.ts';
import type { Store } from '../../src/shared/store.ts';
import { NO_TRACING } from '../../src/shared/tracing.ts';

const { SUPABASE_URL = '', SUPABASE_SERVICE_ROLE_KEY = '', SUPABASE_JWT_SECRET = '' } = process.env;
const log = createLogger('api', 'info');
const rows = new Map<string, Generation>();

const app = createApp({
  store: {} as Store,
  readImage: async (id) => rows.get(id) ?? null,
  submit: async (item) => {
    const now = Date.now();
    const deadlineAt = new Date(now + item.deadline_seconds * 1_000).toISOString();
    const row = toPendingGeneration(item, {
      created_at: new Date(now).toISOString(),
      deadline_at: deadlineAt,
      lane_place: 1,
    });
    // One is enough to be read again; all of them would be a memory benchmark.
    if (rows.size === 0) rows.set(row.id, row);
    return { ...row, asked_id: row.id, outcome: 'created' };
  },
  release: {
    request: () => undefined,
    jobEnded: () => undefined,
    idle: async () => undefined,
    stop: () => undefined,
  },
  readQueue: async () => ({
    workers: 1,
    slots: 8,
    slots_per_caller: null,
    released: 0,
    processing: 0,
    lanes: [],
    durations: [],
    waits: { images: 0, p50_seconds: null, p95_seconds: null, p99_seconds: null },
    pauses: [],
  }),
  changes: {
    watch: () => {
      throw new Error('The floor keeps nobody waiting.');
    },
    onChange: () => undefined,
    close: () => undefined,
  },
  storage: {} as Storage,
  queue: {} as JobQueue,
  models: createModels(modelsConfig.MODELS_FILE.parse(undefined), undefined),
  identify: createIdentifyCaller({
    verifyToken: createVerifyToken({
      issuer: `${SUPABASE_URL}/auth/v1`,
      secret: SUPABASE_JWT_SECRET,
      jwksUrl: `${SUPABASE_URL}/auth/v1/.well-known/jwks.json`,
    }),
    findApiKey: async () => Promise.reject(new Error('The floor has no API keys.')),
    serviceKey: SUPABASE_SERVICE_ROLE_KEY,
  }),
  rateLimit: (_req, _res, next) => next(),
  batchSteps: {} as BatchSteps,
  webhookSealing: null,
  withUploadSlot: createUploadSlots(1),
  eventLinks: createEventLinks(SUPABASE_SERVICE_ROLE_KEY),
  eventPlaces: {} as EventPlaces,
  eventStreams: {} as EventStreams,
  anonymousAccess: false,
  corsOrigins: [],
  trustedProxies: 0,
  checkDependencies: async () => ({ database: 'up', redis: 'up', storage: 'up' }),
  observeRequests: createHttpMetrics(createRegistry()),
  metricsPage: { contentType: 'text/plain', read: async () => '' },
  metricsToken: undefined,
  leaving: new AbortController().signal,
  tracing: NO_TRACING,
  log,
});

const server = createServer(app);
server.listen(0, '127.0.0.1', () => {
  log.info({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, 'api.started');
});
