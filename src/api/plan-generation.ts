import { v7 as uuidv7 } from 'uuid';
import type { Generation, NewGeneration } from '../shared/generation.ts';
import type { Models } from '../shared/models.ts';
import type { Store } from '../shared/store.ts';
import { UNKNOWN_DATASET } from './accept-generation.ts';
import type { FieldError } from './api-error.ts';
import type { Caller } from './caller.ts';
import { composePrompt } from './compose-prompt.ts';
import { readGenerateRequest } from './generate-request.ts';
import { joinReferenceImages } from './reference-images.ts';
import { validationFailed } from './validation.ts';
import type { CheckWebhookUrl } from './webhook-url.ts';

const READ = { repeatForMs: 2_000 };

/** What goes to the model in words and pictures. */
export type Content = Pick<
  NewGeneration,
  'full_prompt' | 'dataset_id' | 'reference_images' | 'unique_visual_elements'
>;

export type Plan = NewGeneration & { dry_run: boolean };

/**
 * The row that a body asks for, with all that it leaves open decided: nothing is written yet. `stored`: what an image
 * was made of (all of it, or its reference images), taken as it is instead of being composed anew.
 *
 * @param userId whose it will be, if not the caller's
 * @param more errors of the request that are none of the body's, to be told with them
 * @throws ApiError validation_failed that lists every bad field
 */
export type PlanGeneration = (
  body: unknown,
  caller: Caller,
  options?: { stored?: Partial<Content>; userId?: string | null; more?: FieldError[] },
) => Promise<Plan>;

export function createPlanGeneration(deps: {
  store: Pick<Store, 'getDatasetContext'>;
  models: Models;
  checkWebhookUrl: CheckWebhookUrl;
}): PlanGeneration {
  const findDataset = async (id: string | null, caller: Caller) => {
    if (id === null) return { dataset: null, datasetErrors: [] };
    const dataset = await deps.store.getDatasetContext(id, caller.scope, READ);
    return { dataset, datasetErrors: dataset ? [] : [UNKNOWN_DATASET] };
  };

  return async (body, caller, { stored = {}, userId = caller.userId, more = [] } = {}) => {
    const { accepted, datasetId, referenceImages, webhookUrl, errors } = readGenerateRequest(
      body,
      deps.models,
    );
    const isStored = stored.full_prompt !== undefined;
    const [{ dataset, datasetErrors }, webhookErrors] = await Promise.all([
      findDataset(isStored ? null : datasetId, caller),
      deps.checkWebhookUrl(webhookUrl, userId),
    ]);
    const references = stored.reference_images
      ? { images: stored.reference_images, errors: [] }
      : joinReferenceImages(dataset?.reference_images ?? [], referenceImages);
    const problems = [...errors, ...datasetErrors, ...references.errors, ...webhookErrors, ...more];
    if (!accepted || problems.length > 0) throw validationFailed(problems);
    const { request, settings } = accepted;
    const style = request.style ?? null;
    const composed: Content = {
      full_prompt: composePrompt({ prompt: request.prompt, style, dataset }),
      dataset_id: dataset?.id ?? null,
      reference_images: references.images,
      unique_visual_elements: dataset?.unique_visual_elements ?? null,
    };
    return {
      id: uuidv7(),
      user_id: userId,
      lane_key: caller.laneKey,
      prompt: request.prompt,
      ...composed,
      ...stored,
      style,
      aspect_ratio: settings.aspectRatio,
      quality: settings.quality,
      format: request.format ?? null,
      resolution: settings.resolution,
      model: settings.model.id,
      metadata: request.metadata ?? {},
      webhook_url: webhookUrl,
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
