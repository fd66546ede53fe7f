import { z } from 'zod';
import { FORMATS, QUALITIES } from './generate-request.ts';
import { openText } from './open-text.ts';

const resolution = z.string();

/** `GET /ai/options`: what a request may ask for, and what it would cost. */
export const generationOptions = z
  .strictObject({
    styles: z.array(z.strictObject({ id: z.string(), description: z.string() })),
    aspect_ratios: z.array(z.string()),
    qualities: z.array(
      z.strictObject({ id: openText(QUALITIES, 'A value of `quality`.'), resolution: z.string() }),
    ),
    formats: z.array(openText(FORMATS, 'A value of `format`.')),
    resolutions: z.array(resolution),
    default_model: z.string(),
    models: z.array(
      z.strictObject({
        id: z.string(),
        aspect_ratios: z.array(z.string()),
        estimated_cost_usd: z
          .record(resolution, z.number())
          .meta({ description: 'An image, by resolution.' }),
      }),
    ),
    limits: z.strictObject({
      prompt_characters: z.int(),
      style_characters: z.int(),
      metadata_keys: z.int(),
      deadline_seconds: z.strictObject({ min: z.int(), max: z.int(), default: z.int() }),
      reference_images: z.int(),
    }),
  })
  .meta({ id: 'GenerationOptions' });

export type GenerationOptions = z.infer<typeof generationOptions>;
