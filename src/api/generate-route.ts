import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { AnswerAccepted } from './answer-accepted.ts';
import { unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import type { EstimateGeneration } from './estimate-generation.ts';
import { readIdempotencyKey } from './idempotency.ts';
import type { PlanGeneration } from './plan-generation.ts';
import type { PlanOrReplay } from './plan-or-replay.ts';
import { answerMethodNotAllowed } from './problem.ts';

/** `POST /ai/generate`: 202 with the pending record; or with `dry_run` what it would cost, and nothing stored. */
export function createGenerateRoute(deps: {
  plan: PlanGeneration;
  planOrReplay: PlanOrReplay;
  estimate: EstimateGeneration;
  answerAccepted: AnswerAccepted;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
  jsonBody: RequestHandler;
}): Router {
  const generate = async (req: Request, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('This deployment makes images only for callers who sign in.');
    }
    const idempotency = readIdempotencyKey(req, caller);
    const asked = await deps.planOrReplay(
      deps.plan(req.body, caller, { more: idempotency.errors }),
      idempotency.fields,
    );
    if ('made' in asked) return deps.answerAccepted(req, res, caller, asked);
    const { dry_run: isDryRun, ...item } = asked.plan;
    if (isDryRun) {
      res.set('Cache-Control', 'no-store').json(await deps.estimate(item));
      return;
    }
    await deps.answerAccepted(req, res, caller, { item: { ...item, ...idempotency.fields() } });
  };

  const router = Router();
  router.route('/ai/generate').post(deps.jsonBody, generate).all(answerMethodNotAllowed('POST'));
  return router;
}
