import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Generation } from '../shared/generation.ts';
import type { AnswerAccepted } from './answer-accepted.ts';
import { unauthorized } from './api-error.ts';
import type { IdentifyCaller } from './caller.ts';
import type { EstimateGeneration } from './estimate-generation.ts';
import { LIMITS } from './generate-request.ts';
import { readIdempotencyKey } from './idempotency.ts';
import { mustBeThere } from './image-route.ts';
import { createOptionalBody } from './optional-body.ts';
import { readPathId } from './path-id.ts';
import { type Content, contentOf, type PlanGeneration } from './plan-generation.ts';
import type { PlanOrReplay } from './plan-or-replay.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadImage } from './read-image.ts';
import { IMAGES_PATH } from './record.ts';

const READ = { repeatForMs: 2_000 };

/**
 * `POST /ai/generated-images/{id}/regenerate`: a new image of the stored request, with what the body changes. As long as
 * what is to be drawn stays the same, the prompt is the stored one to the letter, whatever became of presets and dataset.
 */
export function createRegenerateRoute(deps: {
  readImage: ReadImage;
  plan: PlanGeneration;
  planOrReplay: PlanOrReplay;
  estimate: EstimateGeneration;
  answerAccepted: AnswerAccepted;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
  jsonBody: RequestHandler;
}): Router {
  const regenerate = async (req: Request<{ id: string }>, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('This deployment makes images only for callers who sign in.');
    }
    const id = readPathId(req, 'There is no such image.');
    const parent = mustBeThere(await deps.readImage(id, caller.scope, READ));
    const idempotency = readIdempotencyKey(req, caller);
    const changes = isObject(req.body) ? req.body : {};
    const body = isObject(req.body) ? { ...requestOf(parent, changes), ...changes } : req.body;
    const asked = await deps.planOrReplay(
      deps.plan(body, caller, {
        stored: storedOf(parent, changes),
        // Or an admin's copy of a user's image would belong to nobody, for everybody to read.
        userId: parent.user_id ?? caller.userId,
        more: idempotency.errors,
      }),
      idempotency.fields,
    );
    if ('made' in asked) return deps.answerAccepted(req, res, caller, asked);
    const { dry_run: isDryRun, ...item } = asked.plan;
    if (isDryRun) {
      res.set('Cache-Control', 'no-store').json(await deps.estimate(item));
      return;
    }
    await deps.answerAccepted(req, res, caller, {
      item: {
        ...item,
        ...idempotency.fields(),
        parent_id: parent.id,
        root_id: parent.root_id ?? parent.id,
      },
    });
  };

  const router = Router();
  router
    .route(`${IMAGES_PATH}/:id/regenerate`)
    .post(createOptionalBody(deps.jsonBody), regenerate)
    .all(answerMethodNotAllowed('POST'));
  return router;
}

/** What of the image stays as it is: all of its content, its reference images, or nothing. */
function storedOf(row: Generation, changes: Record<string, unknown>): Partial<Content> {
  const isChanged = (...names: string[]) => names.some((name) => Object.hasOwn(changes, name));
  if (isChanged('dataset_id', 'reference_images')) return {};
  const content = contentOf(row);
  return isChanged('prompt', 'style') ? { reference_images: content.reference_images } : content;
}

/** The request that the image came of. Another quality decides the resolution anew. */
function requestOf(row: Generation, changes: Record<string, unknown>): Record<string, unknown> {
  return {
    prompt: row.prompt,
    dataset_id: row.dataset_id,
    style: row.style,
    aspect_ratio: row.aspect_ratio,
    quality: row.quality,
    format: row.format,
    ...(changes.quality === undefined && { resolution: row.resolution }),
    model: row.model,
    metadata: row.metadata,
    webhook_url: row.webhook_url,
    deadline_seconds: secondsOf(row),
  };
}

/** How long it had; null where the service before has set no deadline. */
function secondsOf({ created_at: createdAt, deadline_at: deadlineAt }: Generation): number | null {
  if (deadlineAt === null) return null;
  const { min, max } = LIMITS.deadline_seconds;
  const seconds = Math.round((Date.parse(deadlineAt) - Date.parse(createdAt)) / 1000);
  return Math.min(Math.max(seconds, min), max);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
