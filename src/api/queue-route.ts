import { type Request, type Response, Router } from 'express';
import type { Pause } from '../shared/admin-store.ts';
import type { Models } from '../shared/models.ts';
import { placeOfNext, type QueueSnapshot } from '../shared/queue-place.ts';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import { RESOLUTION_OF_QUALITY } from './generate-request.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { QueueLoad } from './queue-schema.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { toRfc3339 } from './record.ts';

const READ = { repeatForMs: 2_000 };
const PATIENCE_MS = 2_000;

/** `GET /ai/queue`: the load of the whole queue, at most two seconds old, and the caller's part of it as it is now. */
export function createQueueRoute(deps: {
  store: Pick<Store, 'getLaneLoad'>;
  readQueue: ReadQueue;
  models: Models;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
}): Router {
  const next = { model: deps.models.default.id, resolution: RESOLUTION_OF_QUALITY.standard };

  const read = async (req: Request, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('The queue is for callers who sign in.');
    }
    const [mine, queue] = await Promise.all([
      deps.store.getLaneLoad(caller.laneKey, READ),
      deps.readQueue({ patienceMs: PATIENCE_MS }),
    ]);
    if (!queue) throw new ApiError('temporarily_unavailable', 'The queue cannot be read just now.');
    res.set('Cache-Control', 'no-store').json({
      state: stateOf(queue),
      workers: queue.workers,
      slots: queue.slots,
      waiting: queue.lanes.reduce((sum, [waiting, lanes]) => sum + waiting * lanes, 0),
      released: queue.released,
      processing: queue.processing,
      wait: queue.waits,
      holds: queue.pauses.map(toHold),
      mine: { ...mine, ...placeOfNext(mine.waiting, next, queue, new Date()) },
    } satisfies QueueLoad);
  };

  const router = Router();
  router.route('/ai/queue').get(read).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}

function stateOf({ pauses, workers }: QueueSnapshot): QueueLoad['state'] {
  if (pauses.some((one) => one.by === 'operator' && one.scope === 'all' && one.state === 'paused'))
    return 'paused';
  if (workers === 0) return 'no_workers';
  return pauses.length > 0 ? 'throttled' : 'running';
}

/** Reasons are for operators: they may hold what Gemini said of the account. */
function toHold({ scope, model, by, state, until }: Pause): QueueLoad['holds'][number] {
  return { scope, model, by, state, until: toRfc3339(until) };
}
