import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { BatchSteps } from '../shared/batch-steps.ts';
import type { Batch } from '../shared/batch-store.ts';
import type { Models } from '../shared/models.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Store } from '../shared/store.ts';
import type { AcceptBatch } from './accept-batch.ts';
import { ApiError, unauthorized } from './api-error.ts';
import { BATCHES_PATH, isOpen, toBatchRecord } from './batch-record.ts';
import { type BatchPage, batchesQuery } from './batch-schemas.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { encodeCursor } from './cursor.ts';
import { discardRest } from './discard-rest.ts';
import type { EventLinks } from './events/event-links.ts';
import { readIdempotencyKey } from './idempotency.ts';
import { newBatch } from './new-batch.ts';
import { readPathId } from './path-id.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { submitJson, submitLines } from './submit-batch.ts';
import { parseQuery, validationFailed } from './validation.ts';
import type { CheckWebhookUrl } from './webhook-url.ts';

const READ = { repeatForMs: 2_000 };
const WRITE = { repeatForMs: 5_000 };
const NO_SUCH_BATCH = 'There is no such batch.';
const NOTHING_TO_RETRY = 'Nothing in this batch has failed or expired.';
const POLL_HINT_S = 5;
/** So many pages of 1,000 a cancel waits for; reconcile goes on with the rest. */
const PAGES_OF_CANCEL = 20;

type OneBatch = Request<{ id: string }>;

/** `GET` and `POST /ai/batches`; `GET /ai/batches/{id}`, and its `cancel` and `retry`. For callers who sign in. */
export function createBatchesRoute(deps: {
  store: Pick<Store, 'getBatch' | 'listBatches' | 'cancelBatch' | 'copyFailedImages' | 'getDatasetContext'>;
  models: Models;
  acceptBatch: AcceptBatch;
  checkWebhookUrl: CheckWebhookUrl;
  batchSteps: BatchSteps;
  queue: Pick<JobQueue, 'announceChange'>;
  readQueue: ReadQueue;
  eventLinks: Pick<EventLinks, 'of'>;
  identify: IdentifyCaller;
  batchBody: RequestHandler;
}): Router {
  const { store } = deps;

  const identify = async (req: Request): Promise<Caller> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous') throw unauthorized('Batches are for callers who sign in.');
    return caller;
  };

  const read = async (id: string, { scope }: Caller): Promise<Batch> =>
    mustBeThere(await store.getBatch(id, scope, READ));

  const send = async (res: Response, batch: Batch, caller: Caller): Promise<void> => {
    if (isOpen(batch)) res.set('Retry-After', String(POLL_HINT_S));
    res
      .set('Cache-Control', 'no-store')
      .json(toBatchRecord(batch, await deps.readQueue(), deps.eventLinks.of(caller)));
  };

  const sendAccepted = async (res: Response, id: string, caller: Caller): Promise<void> => {
    res.status(202).location(`${BATCHES_PATH}/${id}`);
    await send(res, await read(id, caller), caller);
  };

  const list = async (req: Request, res: Response): Promise<void> => {
    const caller = await identify(req);
    const { limit, cursor } = parseQuery(batchesQuery, req.query);
    const found = await store.listBatches(caller.scope, { limit, before: cursor ?? null }, READ);
    const last = found.at(-1);
    // A full page that is the last one has a next, which is empty.
    const next = last && found.length === limit ? encodeCursor(last) : null;
    if (next)
      res.links({ next: `${BATCHES_PATH}?${new URLSearchParams({ limit: `${limit}`, cursor: next })}` });
    const queue = found.some(isOpen) ? await deps.readQueue() : null;
    const items = found.map((batch) => toBatchRecord(batch, queue, deps.eventLinks.of(caller)));
    res.set('Cache-Control', 'no-store').json({ items, limit, next_cursor: next } satisfies BatchPage);
  };

  const create = async (req: Request, res: Response): Promise<void> => {
    const caller = await identify(req);
    if (isLines(req)) discardRest(req, res);
    const submit = isLines(req) ? submitLines : submitJson;
    const submitted = await submit(deps, req, caller);
    if ('id' in submitted) return sendAccepted(res, submitted.id, caller);
    res.set('Cache-Control', 'no-store').json(submitted.estimate);
  };

  const getOne = async (req: OneBatch, res: Response): Promise<void> => {
    const caller = await identify(req);
    await send(res, await read(readPathId(req, NO_SUCH_BATCH), caller), caller);
  };

  const cancel = async (req: OneBatch, res: Response): Promise<void> => {
    const caller = await identify(req);
    const id = readPathId(req, NO_SUCH_BATCH);
    const batch = mustBeThere(await store.cancelBatch(id, caller.scope, WRITE));
    if (batch.canceled_at !== null) await deps.batchSteps.cancel(id, WRITE, PAGES_OF_CANCEL);
    deps.queue.announceChange(batch, 'batch');
    await send(res, await read(id, caller), caller);
  };

  const retry = async (req: OneBatch, res: Response): Promise<void> => {
    const caller = await identify(req);
    const idempotency = readIdempotencyKey(req, caller);
    if (idempotency.errors.length > 0) throw validationFailed(idempotency.errors);
    const parent = await read(readPathId(req, NO_SUCH_BATCH), caller);
    const { user_id, lane_key, name } = parent;
    const metadata = parent.metadata as Record<string, string>;
    const key = idempotency.fields();
    const batch = newBatch(caller, { user_id, lane_key, name, metadata, parent_id: parent.id, ...key });
    const id = await deps.acceptBatch(batch, async () => {
      let total = 0;
      let last: string | null = null;
      for (;;) {
        const page = await store.copyFailedImages(batch.id, parent.id, last, { repeatForMs: 0 });
        if (page.copied === 0) break;
        total += page.copied;
        last = page.last;
      }
      // Nothing is sealed then, so that no empty batch stays in the caller's lists.
      if (total === 0) {
        const errors = [{ pointer: '', code: 'nothing_to_retry', detail: NOTHING_TO_RETRY }];
        throw new ApiError('validation_failed', NOTHING_TO_RETRY, { errors });
      }
      return { total, hash: null };
    });
    await sendAccepted(res, id, caller);
  };

  const readCreateBody: RequestHandler = (req, res, next) =>
    isLines(req) ? next() : deps.batchBody(req, res, next);

  const router = Router();
  router
    .route(BATCHES_PATH)
    .get(list)
    .post(readCreateBody, create)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'POST'));
  router.route(`${BATCHES_PATH}/:id`).get(getOne).all(answerMethodNotAllowed('GET', 'HEAD'));
  router.route(`${BATCHES_PATH}/:id/cancel`).post(cancel).all(answerMethodNotAllowed('POST'));
  router.route(`${BATCHES_PATH}/:id/retry`).post(retry).all(answerMethodNotAllowed('POST'));
  return router;
}

const isLines = (req: Request) => /^application\/x-ndjson *(;|$)/i.test(req.get('Content-Type') ?? '');

function mustBeThere(batch: Batch | null): Batch {
  if (!batch) throw new ApiError('not_found', NO_SUCH_BATCH);
  return batch;
}
