import { setTimeout as delay } from 'node:timers/promises';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { PurgeFilter, RetryFilter } from '../shared/admin-store.ts';
import type { Logger } from '../shared/logger.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Release } from '../shared/release.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import { actorOf, type RequireAdmin } from './admin-access.ts';
import {
  type PurgedRecord,
  purgeRequest,
  RETRIED_HOURS,
  type RetriedRecord,
  retryRequest,
} from './admin-schemas.ts';
import { ApiError } from './api-error.ts';
import { laneOfUser } from './caller.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { readBody, validationFailed } from './validation.ts';

const READ = { repeatForMs: 2_000 };
/** A page whose outcome is unclear is not sent again: the limit would not hold. Whoever asks again loses nothing. */
const PAGE = { repeatForMs: 0 };
const PAGE_SIZE = 500;
/** After this an answer tells what was done so far. */
const LONGEST_MS = 20_000;
const MOST_COUNTED = 100_000;
/** What others are changing at the moment, and users that are being deleted, are tried again so often. */
const TRIES = 20;
const PAUSE_MS = 50;
const FOREIGN_KEY_VIOLATION = '23503';

/** `POST /admin/queue/retry-failed` and `/purge`: of many images at once, in pages. Both may be repeated. */
export function createAdminImagesRoute(deps: {
  store: Pick<Store, 'countRetryable' | 'retryFailedGenerations' | 'countPurgeable' | 'purgeGenerations'>;
  queue: Pick<JobQueue, 'announceChange'>;
  release: Pick<Release, 'request'>;
  leaving: AbortSignal;
  requireAdmin: RequireAdmin;
  jsonBody: RequestHandler;
  log: Logger;
}): Router {
  const { store, requireAdmin, log } = deps;

  const retry = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    const { data, errors } = readBody(retryRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { codes = null, until = null, model = null, user_id: userId = null, limit } = data;
    const since = data.since ?? new Date(Date.now() - RETRIED_HOURS * 3_600_000).toISOString();
    const filter = { since, until, codes, model, userId };
    if (data.dry_run) {
      const counted = await store.countRetryable(filter, limit, READ);
      return send(res, { ...counted, dry_run: true, complete: counted.images < limit });
    }
    const made: RetriedRecord = { images: 0, estimated_cost_usd: 0, dry_run: false, complete: false };
    try {
      await retryPages(filter, limit, made);
    } finally {
      log.info({ ...actorOf(req), ...filter, limit, images: made.images }, 'images.retried');
    }
    send(res, made);
  };

  async function retryPages(filter: RetryFilter, limit: number, made: RetriedRecord): Promise<void> {
    const isOver = startClock();
    for (let tries = 0; made.images < limit && !isOver(); ) {
      const wanted = Math.min(PAGE_SIZE, limit - made.images);
      const page = await store.retryFailedGenerations(filter, wanted, PAGE).catch((error: unknown) => {
        if (isDeletion(error) && ++tries < TRIES) return null;
        throw isDeletion(error) ? busy(error) : error;
      });
      if (!page) continue;
      tries = 0;
      made.images += page.images;
      made.estimated_cost_usd = roundUsd(made.estimated_cost_usd + page.estimated_cost_usd);
      deps.release.request();
      made.complete = page.images === 0;
      if (made.complete) return;
    }
  }

  const purge = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    const { data, errors } = readBody(purgeRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { user_id: userId, model = null, created_before: createdBefore = null } = data;
    const filter = { laneKey: userId ? laneOfUser(userId) : null, model, createdBefore };
    if (data.dry_run) {
      const images = await store.countPurgeable(filter, MOST_COUNTED, READ);
      return send(res, { images, dry_run: true, complete: images < MOST_COUNTED });
    }
    const done: PurgedRecord = { images: 0, dry_run: false, complete: false };
    try {
      await purgePages(filter, done);
    } finally {
      log.info({ ...actorOf(req), ...filter, images: done.images }, 'images.purged');
    }
    send(res, done);
  };

  async function purgePages(filter: PurgeFilter, done: PurgedRecord): Promise<void> {
    const isOver = startClock();
    for (let tries = 0; tries < TRIES && !isOver(); ) {
      const { ids, skipped } = await store.purgeGenerations(filter, PAGE_SIZE, PAGE);
      for (const id of ids) deps.queue.announceChange({ id });
      done.images += ids.length;
      if (ids.length > 0) deps.release.request();
      done.complete = ids.length === 0 && skipped === 0;
      if (done.complete) return;
      tries = ids.length > 0 ? 0 : tries + 1;
      if (tries > 0) await delay(PAUSE_MS);
    }
  }

  function startClock(): () => boolean {
    const endsAt = performance.now() + LONGEST_MS;
    return () => deps.leaving.aborted || performance.now() > endsAt;
  }

  const router = Router();
  router.route('/admin/queue/retry-failed').post(deps.jsonBody, retry).all(answerMethodNotAllowed('POST'));
  router.route('/admin/queue/purge').post(deps.jsonBody, purge).all(answerMethodNotAllowed('POST'));
  return router;
}

const send = (res: Response, body: RetriedRecord | PurgedRecord): void => {
  res.set('Cache-Control', 'no-store').json(body);
};

const isDeletion = (error: unknown) => error instanceof RpcError && error.code === FOREIGN_KEY_VIOLATION;

function busy(cause: unknown): ApiError {
  const detail = 'Users or datasets are being deleted meanwhile. Ask again: nothing is made twice.';
  return new ApiError('temporarily_unavailable', detail, { retryAfterSeconds: 5, cause });
}

/** Prices have fewer digits than sums of binary fractions. */
const roundUsd = (usd: number) => Math.round(usd * 1e6) / 1e6;
