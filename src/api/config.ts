import { z } from 'zod';
import { connectionConfig } from '../shared/connection-config.ts';
import { failpointConfig } from '../shared/failpoints.ts';
import { LOG_LEVEL } from '../shared/logger.ts';
import { metricsConfig } from '../shared/metrics/metrics-token.ts';
import { knowsDefaultModel, modelsConfig } from '../shared/models.ts';
import { tracingConfig } from '../shared/tracing-config.ts';
import { webhookConfig } from '../shared/webhook-sealing.ts';
import { eventsConfig } from './events/events-config.ts';

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  );

/** As browsers write it: no path, no trailing slash. */
const origin = z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).origin);

/** Apart, so that no other problem keeps zod from checking it. */
const models = z.object(modelsConfig).refine(knowsDefaultModel.check, knowsDefaultModel.problem);

/** The API's environment. `.env.example` and the README describe each variable. */
export const apiConfig = z
  .object({
    ...connectionConfig,
    ...metricsConfig,
    ...webhookConfig,
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
    /** One or both; without a URL the project's own keys are asked for. */
    SUPABASE_JWT_SECRET: z.string().min(32, 'has fewer than 32 characters').optional(),
    SUPABASE_JWKS_URL: z.url({ protocol: /^https?$/ }).optional(),
    SUPABASE_JWT_ISSUER: z.string().min(1).optional(),
    ADMIN_TOKEN: z
      .string()
      .regex(/^\S{32,}$/, 'has spaces, or fewer than 32 characters')
      .optional(),
    ANONYMOUS_ACCESS: z.stringbool().default(false),
    CORS_ORIGINS: list.pipe(z.array(z.union([z.literal('*'), origin]))),
    TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
    RATE_LIMIT_SUBMIT: z.coerce.number().int().min(0).default(3_000),
    RATE_LIMIT_PATIENCE_MS: z.coerce.number().int().positive().default(50),
    RATE_LIMIT_REQUEST: z.coerce.number().int().min(0).default(12_000),
    ...eventsConfig,
    UPLOADS_AT_ONCE: z.coerce.number().int().positive().default(8),
    SHUTDOWN_GRACE_MS: z.coerce.number().int().positive().default(20_000),
    EXPIRE_EVERY_MS: z.coerce.number().int().positive().default(5_000),
    LOG_LEVEL,
    ...tracingConfig,
  })
  .and(models)
  .and(failpointConfig);

export type ApiConfig = z.output<typeof apiConfig>;
