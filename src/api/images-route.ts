import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { STATUSES } from '../shared/generation.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Release } from '../shared/release.ts';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import { cursor, encodeCursor } from './cursor.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { IMAGES_PATH, isActive } from './record.ts';
import { sendRecord, toRecords } from './send-record.ts';
import { parseQuery } from './validation.ts';

const READ = { repeatForMs: 2_000 };
/** Deeper than this, a page is asked for by its cursor. */
const DEEPEST_OFFSET = 10_000;

const whole = z
  .string()
  .regex(/^-?\d{1,9}$/, 'is no whole number')
  .transform(Number);

const historyQuery = z.strictObject({
  limit: whole.pipe(z.int().min(1).max(100)).default(50),
  offset: whole.pipe(z.int().min(0).max(DEEPEST_OFFSET)).default(0),
  cursor: cursor.optional(),
  dataset_id: z.guid().optional(),
  status: z
    .string()
    .transform((list) => list.split(','))
    .pipe(z.array(z.enum(STATUSES)).max(STATUSES.length))
    .optional(),
});

/** `GET /ai/generated-images` and `GET /ai/generated-images/{id}`: each caller sees their own. */
export function createImagesRoute(deps: {
  store: Pick<Store, 'getGeneration' | 'searchGenerations' | 'cancelGeneration'>;
  release: Pick<Release, 'request'>;
  queue: Pick<JobQueue, 'announceCancel'>;
  readQueue: ReadQueue;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
}): Router {
  const getOne = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    const id = z.guid().safeParse(req.params.id);
    const row = id.success ? await deps.store.getGeneration(id.data, caller, READ) : null;
    if (!row) throw new ApiError('not_found', 'There is no such image.');
    if (row.deleted_at) throw new ApiError('gone', 'The image was deleted.');
    await sendRecord(res, row, deps.readQueue);
  };

  /** 200 with the record once it has ended, 202 while its worker is still stopping. Never a conflict. */
  const cancel = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    const id = z.guid().safeParse(req.params.id);
    const row = id.success ? await deps.store.cancelGeneration(id.data, caller, READ) : null;
    if (!row) throw new ApiError('not_found', 'There is no such image.');
    if (row.deleted_at) throw new ApiError('gone', 'The image was deleted.');
    if (row.status === 'processing') deps.queue.announceCancel(row.id);
    if (row.status === 'canceled') deps.release.request();
    res.status(isActive(row) ? 202 : 200);
    await sendRecord(res, row, deps.readQueue);
  };

  const list = async (req: Request, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('History is for callers who sign in.');
    }
    const query = parseQuery(historyQuery, req.query);
    const page = await deps.store.searchGenerations(
      {
        filter: { dataset_id: query.dataset_id ?? null, statuses: query.status ?? null },
        limit: query.limit,
        offset: query.offset,
        cursor: query.cursor ?? null,
      },
      caller,
      READ,
    );
    const next = page.next && encodeCursor(page.next);
    if (next) res.links({ next: nextAddress(req, next) });
    const items = await toRecords(page.items, deps.readQueue);
    res
      .set('Cache-Control', 'no-store')
      .json({ items, limit: query.limit, offset: query.offset, next_cursor: next });
  };

  const router = Router();
  router.route(IMAGES_PATH).get(list).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route(`${IMAGES_PATH}/:id`).get(getOne).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route(`${IMAGES_PATH}/:id/cancel`).post(cancel).all(answerMethodNotAllowed('POST'));
  return router;
}

/** The same question from behind the cursor; an offset counts from there no more. */
function nextAddress(req: Request, next: string): string {
  const query = new URLSearchParams(req.query as Record<string, string>);
  query.delete('offset');
  query.set('cursor', next);
  return `${IMAGES_PATH}?${query}`;
}
