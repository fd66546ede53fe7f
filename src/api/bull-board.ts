import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { type Express, type RequestHandler, Router } from 'express';
import type { JobQueue } from '../shared/queue.ts';
import type { RequireAdmin } from './admin-access.ts';
import { answerMethodNotAllowed } from './problem.ts';

export const BOARD_PATH = '/admin/queues';

/** The page names a host of fonts; it is not asked for them. Styles are let in: it sets them on elements. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * `/admin/queues`: what is in Redis, by Bull Board, for admins in a browser.
 *
 * It is for looking only. The database is the truth: a job that is retried, removed or promoted here would be put right
 * by the next release or reconcile, or find nothing to claim, and a queue that is paused here would look to workers as if
 * they were stuck. What operators do goes through the admin API. So nothing but GET gets as far as the board.
 */
export function createBullBoardRoute(deps: {
  queue: Pick<JobQueue, 'inspected'>;
  requireAdmin: RequireAdmin;
}): Router {
  let board: Express | undefined;

  const look: RequestHandler = async (req, res, next) => {
    await deps.requireAdmin(req);
    res.set('Content-Security-Policy', POLICY).set('Cache-Control', 'private, no-cache');
    board ??= assembleBoard(deps.queue);
    board(req, res, next);
  };
  const onlyLook: RequestHandler = (req, res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD') next();
    else answerMethodNotAllowed('GET', 'HEAD')(req, res, next);
  };

  const router = Router();
  // What the document has is a route here; the board serves it with all that is below.
  router.get(BOARD_PATH, (_req, _res, next) => next());
  router.use(BOARD_PATH, onlyLook, look);
  return router;
}

function assembleBoard(queue: Pick<JobQueue, 'inspected'>): Express {
  const serverAdapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  createBullBoard({
    queues: [
      new BullMQAdapter(queue.inspected(), {
        readOnlyMode: true,
        description: 'Images that are out. What waits is in the database.',
      }),
    ],
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Darkroom' } },
  });
  return serverAdapter.getRouter().disable('x-powered-by').disable('etag');
}
