import { type Request, type Response, Router } from 'express';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toRfc3339 } from './record.ts';
import { type PopularPrompts, usagePromptsQuery } from './usage-prompts-schema.ts';
import { parseQuery } from './validation.ts';

const READ = { repeatForMs: 2_000 };

/** `GET /ai/usage/prompts`: the prompts that a caller, or for an admin everybody, uses most. */
export function createUsagePromptsRoute(deps: {
  store: Pick<Store, 'readPrompts'>;
  identify: IdentifyCaller;
}): Router {
  const list = async (req: Request, res: Response): Promise<void> => {
    const { kind, scope } = await deps.identify(req);
    if (kind === 'anonymous') throw unauthorized('Usage is told to callers who sign in.');
    const { limit, user_id: userId } = parseQuery(usagePromptsQuery, req.query);
    if (userId !== undefined && !scope.admin) {
      throw new ApiError('forbidden', 'Only an admin may ask for the prompts of a user.');
    }
    const found = await deps.store.readPrompts({ limit, ofUserId: userId ?? null }, scope, READ);
    const items = found.map(({ uses: count, last_used_at: usedAt, ...prompt }) => ({
      ...prompt,
      count,
      last_used_at: toRfc3339(usedAt),
    }));
    res.set('Cache-Control', 'no-store').json({ items } satisfies PopularPrompts);
  };

  const router = Router();
  router.route('/ai/usage/prompts').get(list).all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}
