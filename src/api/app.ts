import { isUtf8 } from 'node:buffer';
import cors from 'cors';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { BatchSteps } from '../shared/batch-steps.ts';
import type { CheckDependencies } from '../shared/dependencies.ts';
import type { Logger } from '../shared/logger.ts';
import type { MetricsPage } from '../shared/metrics/metrics-page.ts';
import type { Models } from '../shared/models.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Release } from '../shared/release.ts';
import type { Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';
import type { Tracing } from '../shared/tracing.ts';
import type { WebhookSealing } from '../shared/webhook-sealing.ts';
import { createAcceptBatch } from './accept-batch.ts';
import { createRequireAdmin } from './admin-access.ts';
import { createAdminImagesRoute } from './admin-images-route.ts';
import { createAdminLimitsRoute } from './admin-limits-route.ts';
import { createAdminQueueRoute } from './admin-queue-route.ts';
import { createAnswerAccepted } from './answer-accepted.ts';
import { ApiError } from './api-error.ts';
import { createApiKeysRoute } from './api-keys-route.ts';
import { askForPassword, takePassword } from './basic-password.ts';
import { createBatchesRoute } from './batches-route.ts';
import { BOARD_PATH, createBullBoardRoute } from './bull-board.ts';
import type { IdentifyCaller } from './caller.ts';
import type { Changes } from './changes.ts';
import { createDatasetAccess } from './dataset-access.ts';
import { createDatasetFilesRoute } from './dataset-files-route.ts';
import { createDatasetsRoute } from './datasets-route.ts';
import { createDocsRoute } from './docs-route.ts';
import { createEstimateGeneration } from './estimate-generation.ts';
import type { EventLinks } from './events/event-links.ts';
import type { EventPlaces } from './events/event-places.ts';
import type { EventStreams } from './events/event-streams.ts';
import { createEventsRoute } from './events-route.ts';
import { createGenerateRoute } from './generate-route.ts';
import { createHealthRoute } from './health-route.ts';
import { createHistoryRoute } from './history-route.ts';
import { createImageEventsRoute } from './image-events-route.ts';
import { createImageRoute } from './image-route.ts';
import { createMetricsRoute } from './metrics-route.ts';
import { createOpenApiRoute } from './openapi-route.ts';
import { createOptionsRoute } from './options-route.ts';
import { createPageRoute } from './page-route.ts';
import { createPlanGeneration } from './plan-generation.ts';
import { createPlanOrReplay } from './plan-or-replay.ts';
import { createApplyWaitPreference } from './prefer.ts';
import { answerNotFound, answerProblem } from './problem.ts';
import { createQueueRoute } from './queue-route.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import type { ReadImage } from './read-image.ts';
import { createRegenerateRoute } from './regenerate-route.ts';
import { createRequestLog } from './request-log.ts';
import { createStoreFiles } from './store-files.ts';
import type { Submit } from './submitter.ts';
import { createTraceRequest } from './trace-request.ts';
import type { WithUploadSlot } from './upload-slots.ts';
import { createUsagePromptsRoute } from './usage-prompts-route.ts';
import { createUsageRoute } from './usage-route.ts';
import { createWaitForImage } from './wait-for-image.ts';
import { createWebhookDeliveriesRoute } from './webhook-deliveries-route.ts';
import { createWebhookSecretsRoute } from './webhook-secrets-route.ts';
import { createCheckWebhookUrl } from './webhook-url.ts';

const EXPOSED_HEADERS = [
  'Location',
  'Retry-After',
  'Request-Id',
  'Link',
  'ETag',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
];
const LARGEST_BODY = '256kb';
/** A thousand items with long prompts. */
const LARGEST_BATCH = '16mb';

export type AppDeps = {
  store: Store;
  storage: Storage;
  queue: JobQueue;
  changes: Changes;
  submit: Submit;
  readImage: ReadImage;
  readQueue: ReadQueue;
  release: Release;
  batchSteps: BatchSteps;
  models: Models;
  identify: IdentifyCaller;
  rateLimit: RequestHandler;
  withUploadSlot: WithUploadSlot;
  eventLinks: EventLinks;
  eventPlaces: EventPlaces;
  eventStreams: EventStreams;
  anonymousAccess: boolean;
  /** For the secrets of webhooks; null where none are sent. */
  webhookSealing: WebhookSealing | null;
  /** Origins of browsers' pages that may call, `*` for all; none by default. */
  corsOrigins: string[];
  /** How many proxies stand in front: so far an address that they report is believed. */
  trustedProxies: number;
  checkDependencies: CheckDependencies;
  observeRequests: RequestHandler;
  metricsPage: MetricsPage;
  /** Whoever sends it may read metrics; without one everybody may. */
  metricsToken: string | undefined;
  /** Aborts when the process is to leave: nobody is kept waiting then. */
  leaving: AbortSignal;
  tracing: Pick<Tracing, 'isOn' | 'startTrace'>;
  log: Logger;
};

/** The HTTP API, without a server: whoever makes it listens. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.set('trust proxy', deps.trustedProxies);
  app.set('query parser', 'simple');
  if (deps.tracing.isOn) app.use(createTraceRequest(deps.tracing));
  app.use(deps.observeRequests);
  app.use(createRequestLog(deps.log));
  app.use(helmet());
  const origin = deps.corsOrigins.includes('*') ? '*' : deps.corsOrigins;
  app.use(cors({ origin, exposedHeaders: EXPOSED_HEADERS, maxAge: 600 }));
  app.use(createHealthRoute(deps));
  app.use(createMetricsRoute(deps));
  app.use(createOpenApiRoute());
  app.use(createDocsRoute());
  app.use(createPageRoute(deps));
  const parts = createParts(deps);
  app.use(createOptionsRoute(deps));
  app.use(BOARD_PATH, takePassword);
  app.use(['/ai', '/admin'], deps.rateLimit);
  app.use(createGenerateRoute(parts));
  app.use(createHistoryRoute(parts));
  app.use(createRegenerateRoute(parts));
  app.use(createImageRoute(parts));
  app.use(createImageEventsRoute(parts));
  app.use(createApiKeysRoute(parts));
  app.use(createBatchesRoute(parts));
  app.use(createEventsRoute(parts));
  app.use(createQueueRoute(parts));
  app.use(createWebhookSecretsRoute(parts));
  app.use(createWebhookDeliveriesRoute(parts));
  app.use(createUsageRoute(parts));
  app.use(createUsagePromptsRoute(parts));
  app.use(createDatasetsRoute(parts));
  app.use(createDatasetFilesRoute(parts));
  app.use(createAdminQueueRoute(parts));
  app.use(createAdminLimitsRoute(parts));
  app.use(createAdminImagesRoute(parts));
  app.use(createBullBoardRoute(parts));
  app.use(answerNotFound);
  app.use(BOARD_PATH, askForPassword);
  app.use(answerProblem);
  return app;
}

/** What several routes do alike. */
function createParts(deps: AppDeps) {
  const waiting = {
    waitForImage: createWaitForImage(deps),
    applyWaitPreference: createApplyWaitPreference(),
  };
  const checkWebhookUrl = createCheckWebhookUrl(deps);
  return {
    ...deps,
    ...waiting,
    checkWebhookUrl,
    plan: createPlanGeneration({ ...deps, checkWebhookUrl }),
    planOrReplay: createPlanOrReplay(deps),
    estimate: createEstimateGeneration(deps),
    answerAccepted: createAnswerAccepted({ ...deps, ...waiting }),
    datasetAccess: createDatasetAccess(deps),
    storeFiles: createStoreFiles(deps),
    requireAdmin: createRequireAdmin(deps),
    acceptBatch: createAcceptBatch(deps),
    jsonBody: readJsonBody(LARGEST_BODY),
    batchBody: readJsonBody(LARGEST_BATCH),
  };
}

function readJsonBody(limit: string): RequestHandler {
  const verify = (_req: unknown, _res: unknown, bytes: Buffer) => {
    // The parser takes an empty body for {}, and puts replacement characters where bytes are not UTF-8.
    if (bytes.length === 0) throw new Error('The body is empty.');
    if (!isUtf8(bytes)) throw new Error('The body is not valid UTF-8.');
  };
  const parse = express.json({ limit, strict: false, verify });
  return (req, res, next) => {
    if (!/^application\/json *(;|$)/i.test(req.get('Content-Type') ?? '')) {
      throw new ApiError('unsupported_media_type', 'Send the body as application/json.');
    }
    parse(req, res, (error?: unknown) => {
      if (error || req.body !== undefined) return next(error);
      next(new ApiError('malformed_json', 'The body is empty.'));
    });
  };
}
