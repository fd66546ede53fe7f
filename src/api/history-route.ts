import { type Request, type Response, Router } from 'express';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import { encodeCursor } from './cursor.ts';
import type { EventLinks } from './events/event-links.ts';
import { historyQuery, MOST_IDS, readMetadataFilter } from './history-query.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { IMAGES_PATH } from './record.ts';
import type { HistoryPage } from './record-schema.ts';
import { toRecords } from './send-record.ts';
import { parseQuery } from './validation.ts';

const READ = { repeatForMs: 2_000 };

/** `GET /ai/generated-images`: each caller's own images, newest first, by every filter. */
export function createHistoryRoute(deps: {
  store: Pick<Store, 'searchGenerations'>;
  readQueue: ReadQueue;
  eventLinks: Pick<EventLinks, 'of'>;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
}): Router {
  const list = async (req: Request, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('History is for callers who sign in.');
    }
    const { metadata, rest, errors } = readMetadataFilter(req.query as Record<string, unknown>);
    const query = parseQuery(historyQuery, rest, { more: errors });
    if (query.user_id !== undefined && !caller.scope.admin) {
      throw new ApiError('forbidden', 'Only an admin may ask for the images of a user.');
    }
    // Whoever names images gets them all.
    const {
      limit = query.ids ? MOST_IDS : 50,
      offset,
      cursor,
      status,
      order,
      include_total: includeTotal,
      ...filter
    } = query;
    const page = await deps.store.searchGenerations(
      {
        filter: { ...filter, statuses: status ?? null, metadata },
        limit,
        offset,
        cursor: cursor ?? null,
        ascending: order === 'asc',
        includeTotal,
      },
      caller.scope,
      READ,
    );
    const next = page.next && encodeCursor(page.next);
    if (next) res.links({ next: nextAddress(req, next) });
    const items = await toRecords(page.items, deps.readQueue, deps.eventLinks.of(caller));
    res.set('Cache-Control', 'no-store').json({
      items,
      limit,
      offset,
      next_cursor: next,
      ...(includeTotal && { total: page.total, total_complete: page.total_complete }),
    } satisfies HistoryPage);
  };

  const router = Router();
  router.route(IMAGES_PATH).get(list).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}

/** The same question from behind the cursor; an offset counts from there no more. */
function nextAddress(req: Request, next: string): string {
  const query = new URLSearchParams(req.query as Record<string, string>);
  query.delete('offset');
  query.set('cursor', next);
  return `${IMAGES_PATH}?${query}`;
}
