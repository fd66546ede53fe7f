import type { Request, RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import type { Redis } from 'ioredis';
import type { Logger } from '../shared/logger.ts';
import { ApiError } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import { createPassingStore } from './passing-store.ts';

const WINDOW_S = 60;

/** Requests a minute and caller; 0 is no limit. `submit` counts what makes images, `request` everything else. */
export type RateLimits = { submit: number; request: number };

/**
 * Limits each caller, over all APIs on one Redis, and tells how much is left (draft-ietf-httpapi-ratelimit-headers-08).
 * Admins are not limited. When Redis does not answer, requests pass: availability goes before fairness here.
 */
export function createRateLimit(deps: {
  limits: RateLimits;
  redis: Redis;
  prefix: string;
  identify: IdentifyCaller;
  /** A request passed without being counted. */
  onUncounted: () => void;
  log: Logger;
}): RequestHandler {
  const { limits, identify } = deps;
  const limitOf = (req: Request) => limits[policyOf(req)];
  return rateLimit({
    windowMs: WINDOW_S * 1_000,
    limit: limitOf,
    identifier: policyOf,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: async (req) => `${policyOf(req)}:${(await identify(req)).laneKey}`,
    skip: async (req) => limitOf(req) === 0 || (await identify(req)).kind === 'admin',
    store: createPassingStore({ ...deps, prefix: `${deps.prefix}:limit:` }),
    handler: (req, _res, next) => {
      const resetTime = (req as { rateLimit?: { resetTime?: Date } }).rateLimit?.resetTime;
      next(tooMany(policyOf(req), limitOf(req), resetTime));
    },
    // Its checks are of uses that are none of ours, at a cost for every request.
    validate: false,
  });
}

/** In any case of letters, as the routes take their paths. */
function policyOf({ method, path }: Request): keyof RateLimits {
  return method === 'POST' && /\/(generate|regenerate|batches|retry)\/?$/i.test(path) ? 'submit' : 'request';
}

function tooMany(policy: string, limit: number, resetTime: Date | undefined): ApiError {
  const left = resetTime ? Math.ceil((resetTime.getTime() - Date.now()) / 1_000) : WINDOW_S;
  const detail = `The policy "${policy}" allows ${limit} requests a minute.`;
  return new ApiError('rate_limited', detail, { retryAfterSeconds: Math.max(1, left) });
}
