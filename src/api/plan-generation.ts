import { v7 as uuidv7 } from 'uuid';
import type { DatasetContext } from '../shared/dataset-store.ts';
import type { Generation, NewGeneration } from '../shared/generation.ts';
import type { Models } from '../shared/models.ts';
import type { Store } from '../shared/store.ts';
import { UNKNOWN_DATASET } from './accept-generation.ts';
import type { FieldError } from './api-error.ts';
import type { Caller } from './caller.ts';
import { composePrompt } from './compose-prompt.ts';
import { readGenerateRequest } from './generate-request.ts';
import { validationFailed } from './validation.ts';

/** Gemini takes so many images beside a prompt. */
export const MOST_REFERENCE_IMAGES = 14;
const READ = { repeatForMs: 2_000 };

/** What goes to the model in words and pictures. */
type Content = Pick<
  NewGeneration,
  'full_prompt' | 'dataset_id' | 'reference_images' | 'unique_visual_elements'
>;

/**
 * The row that a body asks for, with all that it leaves open decided: nothing is written yet. `stored`: what an image
 * was made of, taken as it is instead of being composed anew.
 *
 * @param more errors of the request that are none of the body's, to be told with them
 * @throws ApiError validation_failed that lists every bad field
 */
export type PlanGeneration = (
  body: unknown,
  caller: Caller,
  options?: { stored?: Content | null; more?: FieldError[] },
) => Promise<NewGeneration & { dry_run: boolean }>;

export function createPlanGeneration(deps: {
  store: Pick<Store, 'getDatasetContext'>;
  models: Models;
}): PlanGeneration {
  const findDataset = async (id: string | null, caller: Caller) => {
    if (id === null) return { dataset: null, datasetErrors: [] };
    const dataset = await deps.store.getDatasetContext(id, caller.scope, READ);
    return { dataset, datasetErrors: dataset ? tooManyImages(dataset) : [UNKNOWN_DATASET] };
  };

  return async (body, caller, { stored = null, more = [] } = {}) => {
    const { accepted, datasetId, errors } = readGenerateRequest(body, deps.models);
    const { dataset, datasetErrors } = await findDataset(stored ? null : datasetId, caller);
    const problems = [...errors, ...datasetErrors, ...more];
    if (!accepted || problems.length > 0) throw validationFailed(problems);
    const { request, settings } = accepted;
    const style = request.style ?? null;
    const composed = (): Content => ({
      full_prompt: composePrompt({ prompt: request.prompt, style, dataset }),
      dataset_id: dataset?.id ?? null,
      reference_images: dataset?.reference_images ?? [],
      unique_visual_elements: dataset?.unique_visual_elements ?? null,
    });
    return {
      id: uuidv7(),
      user_id: caller.userId,
      lane_key: caller.laneKey,
      prompt: request.prompt,
      ...(stored ?? composed()),
      style,
      aspect_ratio: settings.aspectRatio,
      quality: settings.quality,
      format: request.format ?? null,
      resolution: settings.resolution,
      model: settings.model.id,
      metadata: request.metadata ?? {},
      estimated_cost_usd: settings.estimatedCostUsd,
      deadline_seconds: settings.deadlineSeconds,
      dry_run: request.dry_run ?? false,
    };
  };
}

/** What an image was made of. */
export function contentOf(row: Generation): Content {
  return {
    full_prompt: row.full_prompt,
    dataset_id: row.dataset_id,
    reference_images: row.reference_images,
    unique_visual_elements: row.unique_visual_elements ?? null,
  };
}

function tooManyImages({ reference_images: { length: count } }: DatasetContext): FieldError[] {
  if (count <= MOST_REFERENCE_IMAGES) return [];
  const detail = `has ${count} reference images; ${MOST_REFERENCE_IMAGES} is the most`;
  return [{ pointer: '/dataset_id', code: 'too_big', detail }];
}
