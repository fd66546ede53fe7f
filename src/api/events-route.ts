import { type Request, type Response, Router } from 'express';
import type { z } from 'zod';
import { audienceOf } from '../shared/change-streams.ts';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { EVENTS_PATH, type EventLinks } from './events/event-links.ts';
import { type EventPlaces, MOST_STREAMS } from './events/event-places.ts';
import type { EventFilter } from './events/event-stream.ts';
import type { EventStreams } from './events/event-streams.ts';
import { eventsQuery } from './events/events-schema.ts';
import { mustBeThere } from './image-route.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadImage } from './read-image.ts';
import { parseQuery } from './validation.ts';

const READ = { repeatForMs: 2_000 };
const RETRY_AFTER_S = 5;
const ADMIN_SCOPE = { userId: null, admin: true };

type Query = z.output<typeof eventsQuery>;
/** Whose streams it counts among, and what it may see. */
type Viewer = Pick<Caller, 'kind' | 'laneKey' | 'scope'>;

/** `GET /ai/events`: what happens to the caller's images and batches, as it happens, as server-sent events. */
export function createEventsRoute(deps: {
  readImage: ReadImage;
  store: Pick<Store, 'getBatch'>;
  identify: IdentifyCaller;
  eventLinks: EventLinks;
  eventPlaces: EventPlaces;
  eventStreams: EventStreams;
  anonymousAccess: boolean;
}): Router {
  /** A token of `links.events` is a proof that its bearer may see that one thing, and nothing else. */
  const identifyViewer = async (req: Request, query: Query): Promise<Viewer> => {
    if (query.token === undefined) return deps.identify(req);
    const [kind, id] = query.batch_id
      ? (['batch', query.batch_id] as const)
      : (['image', query.image_id ?? ''] as const);
    const laneKey = deps.eventLinks.verify(query.token, kind, id);
    if (laneKey === null)
      throw unauthorized('The token is not valid for this, or has expired: read the record again.');
    return { kind: laneKey === 'admin' ? 'admin' : 'user', laneKey, scope: ADMIN_SCOPE };
  };

  const findAudience = async (viewer: Viewer, query: Query): Promise<string> => {
    if (query.image_id) {
      const row = mustBeThere(await deps.readImage(query.image_id, viewer.scope, READ));
      // What the service before this one made has no lane; if it has no user either, nothing happens to it any more.
      return audienceOf(row) ?? `image:${row.id}`;
    }
    if (query.batch_id) {
      const batch = await deps.store.getBatch(query.batch_id, viewer.scope, READ);
      if (!batch) throw new ApiError('not_found', 'There is no such batch.');
      return audienceOf(batch) ?? batch.lane_key;
    }
    if (viewer.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('Events of all images are for callers who sign in.');
    }
    return viewer.laneKey;
  };

  /** An admin, who may be a service with many users, is not counted. */
  const takePlace = async (res: Response, { kind, laneKey }: Viewer): Promise<void> => {
    if (kind === 'admin') return;
    const leave = await deps.eventPlaces.take(laneKey);
    if (leave === null) {
      const detail = `${MOST_STREAMS} of your streams are open, which is as many as may be.`;
      throw new ApiError('too_many_streams', detail, { retryAfterSeconds: RETRY_AFTER_S });
    }
    if (res.closed) leave();
    else res.once('close', leave);
  };

  const stream = async (req: Request, res: Response): Promise<void> => {
    const query = parseQuery(eventsQuery, req.query);
    const viewer = await identifyViewer(req, query);
    const audience = await findAudience(viewer, query);
    const filter: EventFilter = { imageId: query.image_id ?? null, batchId: query.batch_id ?? null };
    const position = req.get('Last-Event-ID') || query.last_event_id || null;
    if (req.method !== 'HEAD') await takePlace(res, viewer);
    if (res.closed) return;
    // Nothing in between may keep it, gather it or compress it.
    res
      .status(200)
      .set('Content-Type', 'text/event-stream; charset=utf-8')
      .set('Cache-Control', 'no-store')
      .set('X-Accel-Buffering', 'no');
    if (req.method === 'HEAD') return void res.end();
    await deps.eventStreams.open(res, { audience, filter, position, link: deps.eventLinks.of(viewer) });
  };

  const router = Router();
  router.route(EVENTS_PATH).get(stream).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
