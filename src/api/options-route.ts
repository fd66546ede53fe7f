import { Router } from 'express';
import type { Models } from '../shared/models.ts';
import { STYLES } from './compose-prompt.ts';
import { contentTag, isKnown } from './etag.ts';
import { FORMATS, LIMITS, QUALITIES, RESOLUTION_OF_QUALITY } from './generate-request.ts';
import type { GenerationOptions } from './options-schema.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { MOST_REFERENCE_IMAGES } from './reference-images.ts';

/** `GET /ai/options`: what a request may ask for, and what it would cost. The same for everybody, until a restart. */
export function createOptionsRoute(deps: { models: Models }): Router {
  const options = toOptions(deps.models);
  const body = JSON.stringify(options);
  const etag = contentTag(body);

  const router = Router();
  router
    .route('/ai/options')
    .get((req, res) => {
      res.set('ETag', etag).set('Cache-Control', 'public, no-cache');
      if (isKnown(req, etag)) return void res.status(304).end();
      res.type('application/json').send(body);
    })
    .all(answerMethodNotAllowed('GET', 'HEAD'));
  return router;
}

export function toOptions(models: Models): GenerationOptions {
  const all = [...models.byId.values()];
  return {
    styles: Object.entries(STYLES).map(([id, description]) => ({ id, description })),
    aspect_ratios: [...new Set(all.flatMap((model) => model.aspect_ratios))],
    qualities: QUALITIES.map((id) => ({ id, resolution: RESOLUTION_OF_QUALITY[id] })),
    formats: [...FORMATS],
    resolutions: [...new Set(all.flatMap((model) => Object.keys(model.image_usd)))],
    default_model: models.default.id,
    models: all.map((model) => ({
      id: model.id,
      aspect_ratios: model.aspect_ratios,
      estimated_cost_usd: model.image_usd,
    })),
    limits: { ...LIMITS, reference_images: MOST_REFERENCE_IMAGES },
  };
}
