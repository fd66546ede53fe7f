import { type Request, type Response, Router } from 'express';
import type { JobQueue } from '../shared/queue.ts';
import type { Store } from '../shared/store.ts';
import type { Readiness } from './health-schema.ts';
import { answerMethodNotAllowed } from './problem.ts';

/** Those that an older database would lack: a deployment is ready once its migrations are in. */
const NEEDED_FUNCTIONS = [
  'submit_generations',
  'release_generations',
  'get_generation',
  'search_generations',
  'get_dataset_context',
  'add_dataset_images',
];

type State = 'up' | 'down';

/**
 * `/healthz`: the process answers; no dependency is touched. `/readyz`: each dependency with its state; 503 while
 * requests could not be served. Redis may be down and requests are served all the same: it takes the rows later.
 */
export function createHealthRoute(deps: {
  store: Pick<Store, 'listMissingFunctions'>;
  queue: Pick<JobQueue, 'ping'>;
}): Router {
  const stateOf = (check: Promise<unknown>): Promise<State> =>
    check.then(
      () => 'up',
      () => 'down',
    );

  const checkDatabase = async (): Promise<void> => {
    const missing = await deps.store.listMissingFunctions(NEEDED_FUNCTIONS, {
      repeatForMs: 0,
      timeoutMs: 2_000,
    });
    if (missing.length > 0) throw new Error(`the database lacks ${missing.join(', ')}`);
  };

  const ready = async (_req: Request, res: Response): Promise<void> => {
    const [database, redis] = await Promise.all([stateOf(checkDatabase()), stateOf(deps.queue.ping())]);
    const isReady = database === 'up';
    res
      .status(isReady ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({
        status: isReady ? 'ready' : 'not_ready',
        dependencies: { database, redis },
      } satisfies Readiness);
  };

  const router = Router();
  router
    .route('/healthz')
    .get((_req, res) => void res.set('Cache-Control', 'no-store').json({ status: 'ok' }))
    .all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route('/readyz').get(ready).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
