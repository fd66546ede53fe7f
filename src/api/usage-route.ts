import { type Request, type Response, Router } from 'express';
import type { Store } from '../shared/store.ts';
import { USAGE_KEYS } from '../shared/usage-store.ts';
import { ApiError, type FieldError, unauthorized } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toUsageCsv } from './usage-csv.ts';
import { toUsageFigures } from './usage-figures.ts';
import { MOST_DAYS, MOST_DAYS_OF_ALL, type UsageRecord, usageQuery } from './usage-schemas.ts';
import { parseQuery, validationFailed } from './validation.ts';

const PATH = '/ai/usage';
const READ = { repeatForMs: 2_000 };
const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;

/** `GET /ai/usage`: what a caller, or for an admin everybody, has used. As JSON, or CSV for who prefers that. */
export function createUsageRoute(deps: {
  store: Pick<Store, 'readUsage'>;
  identify: IdentifyCaller;
}): Router {
  const read = async (req: Request, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous') throw unauthorized('Usage is told to callers who sign in.');
    const { from, to, group_by: groupBy, ...filter } = parseQuery(usageQuery, req.query);
    const isOfUsers = filter.user_id !== undefined || groupBy.includes('user');
    if (isOfUsers && !caller.scope.admin) {
      throw new ApiError('forbidden', 'Only an admin may ask for the usage of a user, or by user.');
    }
    const days = readDays(from, to);
    const errors = checkSpan(days, readsEveryUser(caller, groupBy, filter) ? MOST_DAYS_OF_ALL : MOST_DAYS);
    if (errors.length > 0) throw validationFailed(errors);

    const found = await deps.store.readUsage({ ...days, groupBy, filter }, caller.scope, READ);
    const keys = groupBy.map((key) => USAGE_KEYS[key]);
    const usage: UsageRecord = {
      ...days,
      group_by: groupBy,
      total: toUsageFigures(found.total),
      groups: found.groups.map((group) => ({
        key: Object.fromEntries(keys.map((key) => [key, group[key]])),
        ...toUsageFigures(group),
      })),
      is_complete: found.is_complete,
    };
    res.set('Cache-Control', 'no-store').vary('Accept');
    if (prefersCsv(req)) res.type('text/csv').send(toUsageCsv(usage, keys));
    else res.json(usage);
  };

  const router = Router();
  router.route(PATH).get(read).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}

/** What nobody knows how to answer is answered as JSON, never refused. */
const prefersCsv = (req: Request) => req.accepts(['application/json', 'text/csv']) === 'text/csv';

function readDays(from: string | undefined, to = toDay(Date.now())): { from: string; to: string } {
  return { from: from ?? toDay(Date.parse(to) - (USUAL_DAYS - 1) * DAY_MS), to };
}

const toDay = (time: number) => new Date(time).toISOString().slice(0, 10);

/** Together everybody has few counters; one by one there are as many as users. */
function readsEveryUser(
  { scope }: Caller,
  groupBy: string[],
  filter: { user_id?: string | undefined; dataset_id?: string | undefined },
): boolean {
  if (!scope.admin || filter.user_id !== undefined) return false;
  return filter.dataset_id !== undefined || groupBy.includes('user') || groupBy.includes('dataset');
}

function checkSpan({ from, to }: { from: string; to: string }, mostDays: number): FieldError[] {
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) return [{ pointer: '?from', code: 'too_big', detail: 'is after the last day' }];
  if (days <= mostDays) return [];
  const detail = `is ${days} days before the end; at most ${mostDays} can be asked for like this`;
  return [{ pointer: '?from', code: 'too_small', detail }];
}
