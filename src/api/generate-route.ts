import { type Request, type RequestHandler, type Response, Router } from 'express';
import { v7 as uuidv7 } from 'uuid';
import type { DatasetContext } from '../shared/dataset-store.ts';
import type { Models } from '../shared/models.ts';
import type { Release } from '../shared/release.ts';
import type { Store } from '../shared/store.ts';
import { acceptGeneration, UNKNOWN_DATASET } from './accept-generation.ts';
import { type FieldError, unauthorized } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { composePrompt } from './compose-prompt.ts';
import { readGenerateRequest } from './generate-request.ts';
import { readIdempotencyKey } from './idempotency.ts';
import { answerMethodNotAllowed } from './problem.ts';
import type { ReadQueue } from './queue-snapshot.ts';
import { IMAGES_PATH } from './record.ts';
import { sendRecord } from './send-record.ts';
import type { Submit } from './submitter.ts';
import { validationFailed } from './validation.ts';

/** Gemini takes so many images beside a prompt. */
const MOST_REFERENCE_IMAGES = 14;
const READ = { repeatForMs: 2_000 };

type FoundDataset = { dataset: DatasetContext | null; datasetErrors: FieldError[] };

/** `POST /ai/generate`: 202 with the pending record. */
export function createGenerateRoute(deps: {
  store: Pick<Store, 'getDatasetContext'>;
  submit: Submit;
  readQueue: ReadQueue;
  release: Pick<Release, 'request'>;
  models: Models;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
  jsonBody: RequestHandler;
}): Router {
  const generate = async (req: Request, res: Response): Promise<void> => {
    const caller = await deps.identify(req);
    if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
      throw unauthorized('This deployment makes images only for callers who sign in.');
    }
    const { accepted, datasetId, errors } = readGenerateRequest(req.body, deps.models);
    const { dataset, datasetErrors } = await findDataset(datasetId, caller);
    const idempotency = readIdempotencyKey(req, caller);
    const problems = [...errors, ...datasetErrors, ...idempotency.errors];
    if (!accepted || problems.length > 0) throw validationFailed(problems);
    const { request, settings } = accepted;
    const row = await acceptGeneration(deps.submit, {
      id: uuidv7(),
      user_id: caller.userId,
      lane_key: caller.laneKey,
      prompt: request.prompt,
      full_prompt: composePrompt({ prompt: request.prompt, style: request.style ?? null, dataset }),
      dataset_id: dataset?.id ?? null,
      style: request.style ?? null,
      aspect_ratio: settings.aspectRatio,
      quality: settings.quality,
      format: request.format ?? null,
      resolution: settings.resolution,
      reference_images: dataset?.reference_images ?? [],
      unique_visual_elements: dataset?.unique_visual_elements ?? null,
      model: settings.model.id,
      metadata: request.metadata ?? {},
      estimated_cost_usd: settings.estimatedCostUsd,
      deadline_seconds: settings.deadlineSeconds,
      ...idempotency.fields,
    });
    deps.release.request();
    res.status(202).location(`${IMAGES_PATH}/${row.id}`);
    await sendRecord(res, row, deps.readQueue);
  };

  const findDataset = async (id: string | null, caller: Caller): Promise<FoundDataset> => {
    if (id === null) return { dataset: null, datasetErrors: [] };
    const dataset = await deps.store.getDatasetContext(id, caller, READ);
    if (!dataset) return { dataset, datasetErrors: [UNKNOWN_DATASET] };
    const count = dataset.reference_images.length;
    if (count <= MOST_REFERENCE_IMAGES) return { dataset, datasetErrors: [] };
    const detail = `has ${count} reference images; ${MOST_REFERENCE_IMAGES} is the most`;
    return { dataset, datasetErrors: [{ pointer: '/dataset_id', code: 'too_big', detail }] };
  };

  const router = Router();
  router.route('/ai/generate').post(deps.jsonBody, generate).all(answerMethodNotAllowed('POST'));
  return router;
}
