import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Limits } from '../shared/admin-store.ts';
import type { Logger } from '../shared/logger.ts';
import type { Release } from '../shared/release.ts';
import type { Store } from '../shared/store.ts';
import { actorOf, type RequireAdmin } from './admin-access.ts';
import { type LimitsRecord, limitsRequest } from './admin-schemas.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { readBody, validationFailed } from './validation.ts';

const READ = { repeatForMs: 2_000 };
const WRITE = { repeatForMs: 5_000 };

/** `GET` and `PATCH /admin/limits`: those that hold for everybody together, and change without a restart. */
export function createAdminLimitsRoute(deps: {
  store: Pick<Store, 'getLimits' | 'changeLimits'>;
  release: Pick<Release, 'request'>;
  requireAdmin: RequireAdmin;
  jsonBody: RequestHandler;
  log: Logger;
}): Router {
  const { store, requireAdmin } = deps;

  const read = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    send(res, await store.getLimits(READ));
  };

  const change = async (req: Request, res: Response): Promise<void> => {
    await requireAdmin(req);
    const { data, errors } = readBody(limitsRequest, req.body);
    if (!data) throw validationFailed(errors);
    const named = Object.entries(data).filter(([, value]) => value !== undefined);
    const { before, after } = await store.changeLimits(Object.fromEntries(named), WRITE);
    deps.log.info({ ...actorOf(req), before, after }, 'limits.changed');
    deps.release.request();
    send(res, after);
  };

  const router = Router();
  router
    .route('/admin/limits')
    .get(read)
    .patch(deps.jsonBody, change)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'PATCH'));
  return router;
}

function send(res: Response, limits: Limits): void {
  res.set('Cache-Control', 'no-store').json(limits satisfies LimitsRecord);
}
