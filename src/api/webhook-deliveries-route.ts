import { type Request, type Response, Router } from 'express';
import type { Store } from '../shared/store.ts';
import type { WebhookDelivery } from '../shared/webhook-store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { encodeCursor } from './cursor.ts';
import { readPathId } from './path-id.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { toRfc3339 } from './record.ts';
import { parseQuery } from './validation.ts';
import {
  type WebhookDeliveryPage,
  type WebhookDeliveryRecord,
  webhookDeliveriesQuery,
} from './webhook-schemas.ts';

const PATH = '/ai/webhook-deliveries';
const WRITE = { repeatForMs: 5_000 };
const READ = { repeatForMs: 2_000 };

/** `GET /ai/webhook-deliveries`, `POST /ai/webhook-deliveries/{id}/replay`: what was sent to a caller, and sending it again. */
export function createWebhookDeliveriesRoute(deps: {
  store: Pick<Store, 'listWebhookDeliveries' | 'replayWebhookDelivery'>;
  identify: IdentifyCaller;
}): Router {
  const identifyReceiver = async (req: Request): Promise<Caller> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous') throw unauthorized('Webhooks are for users who sign in.');
    return caller;
  };

  const list = async (req: Request, res: Response): Promise<void> => {
    const { scope } = await identifyReceiver(req);
    const { limit, cursor, ...filter } = parseQuery(webhookDeliveriesQuery, req.query);
    if (filter.user_id !== undefined && !scope.admin) {
      throw new ApiError('forbidden', 'Only an admin may ask for the deliveries of a user.');
    }
    // One more than is shown tells whether there is a next page.
    const page = { filter, limit: limit + 1, before: cursor ?? null };
    const found = await deps.store.listWebhookDeliveries(scope, page, READ);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const next = last && found.length > limit ? encodeCursor(last) : null;
    if (next) res.links({ next: nextAddress(req, next) });
    const items = shown.map(toDeliveryRecord);
    res
      .set('Cache-Control', 'no-store')
      .json({ items, limit, next_cursor: next } satisfies WebhookDeliveryPage);
  };

  const replay = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const { scope } = await identifyReceiver(req);
    const id = readPathId(req, 'There is no such delivery.');
    const delivery = await deps.store.replayWebhookDelivery(id, scope, WRITE);
    if (!delivery) throw new ApiError('not_found', 'There is no such delivery.');
    res.status(202).set('Cache-Control', 'no-store').json(toDeliveryRecord(delivery));
  };

  const router = Router();
  router.route(PATH).get(list).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route(`${PATH}/:id/replay`).post(replay).all(answerMethodNotAllowed('POST'));
  return router;
}

/** The same question from behind the cursor. */
function nextAddress(req: Request, next: string): string {
  const query = new URLSearchParams(req.query as Record<string, string>);
  query.set('cursor', next);
  return `${PATH}?${query}`;
}

function toDeliveryRecord(delivery: WebhookDelivery): WebhookDeliveryRecord {
  const { failures: _failures, due_at: dueAt, ...shown } = delivery;
  return {
    ...shown,
    created_at: toRfc3339(delivery.created_at),
    last_attempt_at: toRfc3339(delivery.last_attempt_at),
    next_attempt_at: delivery.status === 'pending' ? toRfc3339(dueAt) : null,
    completed_at: toRfc3339(delivery.completed_at),
  };
}
