import { type Request, type Response, Router } from 'express';
import type { Generation } from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Release } from '../shared/release.ts';
import type { Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';
import { ApiError } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { etagOf, isKnown } from './etag.ts';
import type { EventLinks } from './events/event-links.ts';
import { readPathId } from './path-id.ts';
import { type ApplyWaitPreference, goneSignal } from './prefer.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import type { ReadImage } from './read-image.ts';
import { IMAGES_PATH, isActive } from './record.ts';
import { pollHintOf, sendNotModified, sendRecord } from './send-record.ts';
import type { WaitForImage } from './wait-for-image.ts';

const READ = { repeatForMs: 2_000 };
const WRITE = { repeatForMs: 5_000 };
const REMOVE_WITHIN_MS = 2_000;
const NO_SUCH_IMAGE = 'There is no such image.';

type ImageRequest = Request<{ id: string }>;

/** One image: `GET`, `DELETE`, its file, its cancel. Each caller reaches their own; others are not found. */
export function createImageRoute(deps: {
  readImage: ReadImage;
  store: Pick<Store, 'cancelGeneration' | 'deleteGeneration'>;
  storage: Pick<Storage, 'removeImages'>;
  release: Pick<Release, 'request'>;
  queue: Pick<JobQueue, 'announceCancel' | 'announceChange'>;
  waitForImage: WaitForImage;
  applyWaitPreference: ApplyWaitPreference;
  readQueue: ReadQueue;
  eventLinks: Pick<EventLinks, 'of'>;
  identify: IdentifyCaller;
  log: Logger;
}): Router {
  const read = async (req: ImageRequest) => {
    const caller = await deps.identify(req);
    const row = await deps.readImage(readPathId(req, NO_SUCH_IMAGE), caller.scope, READ);
    return { caller, row: mustBeThere(row) };
  };

  /**
   * Whose image it may be that is changed. What belongs to nobody is read by whoever has its id, which is in the address
   * of its file; without a token it is changed only from where it was asked for.
   */
  const identifyChanger = async (req: ImageRequest): Promise<Caller> => {
    const caller = await deps.identify(req);
    if (caller.kind !== 'anonymous') return caller;
    const row = await deps.readImage(readPathId(req, NO_SUCH_IMAGE), caller.scope, READ);
    if (!row || row.lane_key === caller.laneKey) return caller;
    throw new ApiError('forbidden', 'Only who asked for this image, or an admin, can stop or delete it.');
  };

  /** 200 whatever its state, or 304. With `Prefer: wait` it is held until the image has changed. */
  const getOne = async (req: ImageRequest, res: Response): Promise<void> => {
    const { caller, row } = await read(req);
    const seconds = deps.applyWaitPreference(req, res, caller);
    // Without a tag, a change is one from what is there now.
    const isNews = (now: Generation) =>
      req.get('If-None-Match') === undefined
        ? now.status_sequence !== row.status_sequence
        : !isKnown(req, etagOf(now));
    const isThere = (now: Generation) => !isActive(now) || isNews(now);
    const current =
      seconds > 0 && !isThere(row)
        ? mustBeThere(await deps.waitForImage(row, { caller, seconds, isThere, signal: goneSignal(res) }))
        : row;
    if (isKnown(req, etagOf(current))) return sendNotModified(res, current, deps.readQueue);
    await sendRecord(res, current, deps.readQueue, deps.eventLinks.of(caller));
  };

  /** The link to keep: it leads to the file, wherever that is. */
  const getFile = async (req: ImageRequest, res: Response): Promise<void> => {
    const { row } = await read(req);
    if (isActive(row)) {
      throw new ApiError('image_not_ready', 'The image is not ready yet.', {
        retryAfterSeconds: await pollHintOf(row, deps.readQueue),
      });
    }
    if (row.image_url === null)
      throw new ApiError('not_found', `The image ended without a file: it is ${row.status}.`);
    // For an <img> on a page of another origin, where browsers heed this on the redirect too. No secret is behind it:
    // browsers send no token along, and the file itself is public.
    res.set('Cross-Origin-Resource-Policy', 'cross-origin');
    res.set('Cache-Control', 'private, no-cache').redirect(302, row.image_url);
  };

  /** 200 with the record once it has ended, 202 while its worker is still stopping. Never a conflict. */
  const cancel = async (req: ImageRequest, res: Response): Promise<void> => {
    const caller = await identifyChanger(req);
    const id = readPathId(req, NO_SUCH_IMAGE);
    const row = mustBeThere(await deps.store.cancelGeneration(id, caller.scope, WRITE));
    tellOfStop(row);
    res.status(isActive(row) ? 202 : 200);
    await sendRecord(res, row, deps.readQueue, deps.eventLinks.of(caller));
  };

  /** The tombstone comes first, then the stop of the work, then the file. Asked again it is 204 again. */
  const remove = async (req: ImageRequest, res: Response): Promise<void> => {
    const { scope } = await identifyChanger(req);
    const row = await deps.store.deleteGeneration(readPathId(req, NO_SUCH_IMAGE), scope, WRITE);
    if (!row) throw new ApiError('not_found', NO_SUCH_IMAGE);
    tellOfStop(row);
    if (row.storage_path !== null) {
      // A clean-up is planned with the tombstone; this only makes it quick.
      await deps.storage
        .removeImages([row.storage_path], { timeoutMs: REMOVE_WITHIN_MS })
        .catch((error: unknown) =>
          deps.log.warn({ image_id: row.id, err: error }, 'object.left_for_clean_up'),
        );
    }
    res.status(204).end();
  };

  function tellOfStop(row: Generation): void {
    if (row.status === 'processing') deps.queue.announceCancel(row.id);
    if (row.status === 'canceled') deps.release.request();
    deps.queue.announceChange(row);
  }

  const router = Router();
  router
    .route(`${IMAGES_PATH}/:id`)
    .get(getOne)
    .delete(remove)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'DELETE'));
  router.route(`${IMAGES_PATH}/:id/image`).get(getFile).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route(`${IMAGES_PATH}/:id/cancel`).post(cancel).all(answerMethodNotAllowed('POST'));
  return router;
}

/** @throws ApiError not_found, gone */
export function mustBeThere(row: Generation | null): Generation {
  if (!row) throw new ApiError('not_found', NO_SUCH_IMAGE);
  if (row.deleted_at) throw new ApiError('gone', 'The image was deleted.');
  return row;
}
