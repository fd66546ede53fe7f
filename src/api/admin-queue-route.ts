import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Pause } from '../shared/admin-store.ts';
import type { Logger } from '../shared/logger.ts';
import type { Models } from '../shared/models.ts';
import type { Release } from '../shared/release.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Store } from '../shared/store.ts';
import { actorOf, type RequireAdmin } from './admin-access.ts';
import { pauseRequest, type QueueState, resumeRequest, type WorkerList } from './admin-schemas.ts';
import type { FieldError } from './api-error.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toRfc3339 } from './record.ts';
import { readBody, validationFailed } from './validation.ts';

const READ = { repeatForMs: 2_000 };
const WRITE = { repeatForMs: 5_000 };

const PAST: FieldError = { pointer: '/until', code: 'too_small', detail: 'That is not in the future.' };
const NO_SUCH_MODEL: FieldError = { pointer: '/model', code: 'unknown', detail: 'There is no such model.' };

/** `GET /admin/queue`, `POST /admin/queue/pause` and `/resume`, `GET /admin/workers`. All may be repeated. */
export function createAdminQueueRoute(deps: {
  store: Pick<Store, 'listPauses' | 'pauseGenerations' | 'resumeGenerations' | 'listWorkers'>;
  release: Pick<Release, 'request'>;
  models: Models;
  requireAdmin: RequireAdmin;
  jsonBody: RequestHandler;
  log: Logger;
}): Router {
  const { store, requireAdmin, log } = deps;

  const read = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    sendState(res, await store.listPauses(READ));
  };

  /** Images that are being made end; submits are taken as ever. */
  const pause = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    const { data, errors } = readBody(pauseRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { model = null, until = null, reason = null } = data;
    if (model !== null && !deps.models.byId.has(model)) throw validationFailed([NO_SUCH_MODEL]);
    const pauses = await store.pauseGenerations({ model, until, reason }, WRITE).catch((error: unknown) => {
      throw error instanceof RpcError && error.code === '22023' ? validationFailed([PAST]) : error;
    });
    log.info({ ...actorOf(req), model, until, reason }, 'queue.paused');
    sendState(res, pauses);
  };

  const resume = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    const { data, errors } = readBody(resumeRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { model = null, holds } = data;
    const pauses = await store.resumeGenerations(model, holds ?? false, WRITE);
    log.info({ ...actorOf(req), model, holds: holds ?? false }, 'queue.resumed');
    deps.release.request();
    sendState(res, pauses);
  };

  const listWorkers = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    const workers = await store.listWorkers(READ);
    const living = workers.filter(({ alive }) => alive);
    res.set('Cache-Control', 'no-store').json({
      items: workers.map(({ started_at, beat_at, ...worker }) => ({
        ...worker,
        started_at: toRfc3339(started_at),
        last_beat_at: toRfc3339(beat_at),
      })),
      slots: living.reduce((sum, { concurrency }) => sum + concurrency, 0),
      busy: living.reduce((sum, { busy }) => sum + busy, 0),
    } satisfies WorkerList);
  };

  const router = Router();
  router.route('/admin/queue').get(read).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route('/admin/queue/pause').post(deps.jsonBody, pause).all(answerMethodNotAllowed('POST'));
  router.route('/admin/queue/resume').post(deps.jsonBody, resume).all(answerMethodNotAllowed('POST'));
  router.route('/admin/workers').get(listWorkers).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}

function sendState(res: Response, pauses: Pause[]): void {
  const state: QueueState = {
    pauses: pauses.map((pause) => ({
      ...pause,
      until: toRfc3339(pause.until),
      created_at: toRfc3339(pause.created_at),
    })),
  };
  res.set('Cache-Control', 'no-store').json(state);
}
