import { hostname } from 'node:os';
import { z } from 'zod';
import { connectionConfig } from '../shared/connection-config.ts';
import { failpointConfig } from '../shared/failpoints.ts';
import { LOG_LEVEL } from '../shared/logger.ts';
import { metricsConfig } from '../shared/metrics/metrics-token.ts';
import { knowsDefaultModel, modelsConfig } from '../shared/models.ts';
import { tracingConfig } from '../shared/tracing-config.ts';
import { webhookConfig } from '../shared/webhook-sealing.ts';

const ms = (standard: number) => z.coerce.number().int().positive().default(standard);

/** The worker's environment. `.env.example` and the README describe each variable. */
export const workerConfig = z
  .object({
    ...connectionConfig,
    ...modelsConfig,
    ...metricsConfig,
    ...webhookConfig,
    GEMINI_API_KEY: z.string().min(1),
    GEMINI_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
    GEMINI_TIMEOUT_MS: ms(240_000),
    WORKER_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(8),
    HOST: z.string().min(1).default('127.0.0.1'),
    /** Unset: nobody can ask this worker anything. */
    WORKER_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
    WORKER_HOST: z.string().min(1).default(hostname()),
    SHUTDOWN_GRACE_MS: ms(60_000),
    RETRY_BASE_MS: ms(2_000),
    RETRY_CAP_MS: ms(120_000),
    RELEASE_EVERY_MS: ms(1_000),
    RECONCILE_EVERY_MS: ms(5_000),
    STUCK_AFTER_MS: ms(60_000),
    JOB_LOCK_MS: ms(30_000),
    JOB_STALLED_CHECK_MS: ms(10_000),
    LOG_LEVEL,
    ...tracingConfig,
  })
  .refine(knowsDefaultModel.check, knowsDefaultModel.problem)
  .and(failpointConfig);

export type WorkerConfig = z.output<typeof workerConfig>;
