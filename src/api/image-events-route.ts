import { type Request, type Response, Router } from 'express';
import type { GenerationAudit } from '../shared/audit-store.ts';
import type { Store } from '../shared/store.ts';
import { ApiError } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import type { ImageEvents } from './image-events-schema.ts';
import { readPathId } from './path-id.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { IMAGES_PATH, toRfc3339 } from './record.ts';

const READ = { repeatForMs: 2_000 };
const NO_SUCH_IMAGE = 'There is no such image.';

/** `GET /ai/generated-images/{id}/events`: every transition of an image, to whoever may read it. */
export function createImageEventsRoute(deps: {
  store: Pick<Store, 'getGenerationEvents'>;
  identify: IdentifyCaller;
}): Router {
  const list = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const { scope } = await deps.identify(req);
    const audit = await deps.store.getGenerationEvents(readPathId(req, NO_SUCH_IMAGE), scope, READ);
    if (!audit) throw new ApiError('not_found', NO_SUCH_IMAGE);
    if (audit.deleted_at !== null) throw new ApiError('gone', 'The image was deleted.');
    res.set('Cache-Control', 'no-store').json(toImageEvents(audit));
  };

  const router = Router();
  router.route(`${IMAGES_PATH}/:id/events`).get(list).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}

function toImageEvents({ deleted_at: _deletedAt, ...audit }: GenerationAudit): ImageEvents {
  return {
    ...audit,
    created_at: toRfc3339(audit.created_at),
    started_at: toRfc3339(audit.started_at),
    cancel_requested_at: toRfc3339(audit.cancel_requested_at),
    completed_at: toRfc3339(audit.completed_at),
    deadline_at: toRfc3339(audit.deadline_at),
    events: audit.events.map(({ from_status: from, to_status: to, error, ...event }) => ({
      from,
      to,
      attempt: event.attempt,
      worker_id: event.worker_id,
      error: error && { ...error, upstream: error.upstream ?? { reason: null, http_status: null } },
      at: toRfc3339(event.at),
    })),
  };
}
