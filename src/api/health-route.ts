import { type Request, type Response, Router } from 'express';
import type { CheckDependencies } from '../shared/dependencies.ts';
import type { Readiness } from './health-schema.ts';
import { answerMethodNotAllowed } from './problem.ts';

/**
 * `/healthz`: the process answers; no dependency is touched. `/readyz`: each dependency with its state; 503 while
 * requests could not be served, or are no longer to be sent. Redis and Storage may be down and submits are served all the
 * same: Redis takes the rows later, and the workers need Storage.
 */
export function createHealthRoute(deps: {
  checkDependencies: CheckDependencies;
  /** Aborts when the process is to leave. */
  leaving: AbortSignal;
}): Router {
  const ready = async (_req: Request, res: Response): Promise<void> => {
    const dependencies = await deps.checkDependencies();
    const status = deps.leaving.aborted ? 'draining' : dependencies.database === 'up' ? 'ready' : 'not_ready';
    res
      .status(status === 'ready' ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({ status, dependencies } satisfies Readiness);
  };

  const router = Router();
  router
    .route('/healthz')
    .get((_req, res) => void res.set('Cache-Control', 'no-store').json({ status: 'ok' }))
    .all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route('/readyz').get(ready).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
