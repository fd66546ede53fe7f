import { type GenerationOptions, generationOptions } from '../options-schema.ts';
import type { Resource } from './operation.ts';

const EXAMPLE: GenerationOptions = {
  styles: [{ id: 'anime', description: 'Anime, cel shading, expressive composition' }],
  aspect_ratios: ['1:1', '16:9'],
  qualities: [{ id: 'standard', resolution: '1K' }],
  formats: ['png', 'jpeg', 'webp'],
  resolutions: ['1K', '2K', '4K'],
  default_model: 'gemini-nano-banana-2.1',
  models: [
    {
      id: 'gemini-nano-banana-2.1',
      aspect_ratios: ['1:1', '16:9'],
      estimated_cost_usd: { '1K': 0.0336, '2K': 0.0504 },
    },
  ],
  limits: {
    prompt_characters: 10_000,
    style_characters: 100,
    metadata_keys: 50,
    deadline_seconds: { min: 10, max: 604_800, default: 86_400 },
    reference_images: 14,
  },
};

export const options: Resource = {
  tag: 'options',
  description: 'What may be asked for.',
  operations: [
    {
      method: 'get',
      path: '/ai/options',
      operationId: 'getOptions',
      summary: 'Read styles, ratios, qualities, models, prices and limits',
      description: 'The same for everybody, until the deployment changes.',
      access: 'nobody asked',
      headers: ['If-None-Match'],
      answers: {
        200: { description: 'The options.', schema: generationOptions, headers: ['ETag'], example: EXAMPLE },
        304: { description: 'You have them as they are.', headers: ['ETag'] },
      },
      refusals: [],
    },
  ],
};
