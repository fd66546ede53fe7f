import { z } from 'zod';
import type { ReferenceImage } from '../shared/generation.ts';
import { type Model, type Models, RESOLUTIONS, type Resolution } from '../shared/models.ts';
import type { FieldError } from './api-error.ts';
import { referenceImages } from './reference-images.ts';
import { readBody } from './validation.ts';
import { webhookUrl } from './webhook-url.ts';

export const QUALITIES = ['standard', 'high', 'ultra'] as const;
export const FORMATS = ['png', 'jpeg', 'webp'] as const;
export const RESOLUTION_OF_QUALITY = { standard: '1K', high: '2K', ultra: '4K' } as const;

const DAY_S = 86_400;
/** What clients are told in `GET /ai/options`, too. */
export const LIMITS = {
  prompt_characters: 10_000,
  style_characters: 100,
  metadata_keys: 50,
  deadline_seconds: { min: 10, max: 7 * DAY_S, default: DAY_S },
} as const;

/** PostgreSQL's text and jsonb take neither NUL nor half a surrogate pair. */
const storable = (text: string) => text.isWellFormed() && !text.includes('\0');
const UNSTORABLE = 'holds characters that cannot be stored';
export const storableText = z.string().refine(storable, UNSTORABLE);

/** zod leaves this key out of a record without a word; it would be lost. */
const hasNoProtoKey = (value: unknown) =>
  typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__');

export const metadata = z
  .unknown()
  .refine(hasNoProtoKey, { path: ['__proto__'], error: 'is no name for a field' })
  .pipe(
    z
      .record(storableText.min(1).max(64), storableText.max(500))
      .refine((fields) => Object.keys(fields).length <= LIMITS.metadata_keys, {
        error: `has more than ${LIMITS.metadata_keys} keys`,
        params: { code: 'too_big' },
      })
      .meta({
        maxProperties: LIMITS.metadata_keys,
        description: 'Your own strings; history filters by them.',
      })
      .nullish(),
  );

/** The body of `POST /ai/generate`. Null means not given, everywhere. */
export const generateRequest = z.strictObject({
  prompt: storableText
    .refine((prompt) => prompt.trim() !== '', { error: 'is empty', params: { code: 'too_small' } })
    .refine((prompt) => [...prompt.trim()].length <= LIMITS.prompt_characters, {
      error: `is longer than ${LIMITS.prompt_characters} characters`,
      params: { code: 'too_big' },
    })
    .meta({
      description: `At most ${LIMITS.prompt_characters} characters, white space around them not counted.`,
    }),
  dataset_id: z.guid().nullish(),
  style: storableText.trim().min(1).max(LIMITS.style_characters).nullish().meta({
    description: 'A style of `GET /ai/options`, or your own words.',
  }),
  aspect_ratio: z.string().max(10).nullish().meta({
    description: 'One that the model has; `1:1` when not given.',
  }),
  quality: z.enum(QUALITIES).nullish().meta({
    description: 'Chooses the resolution, unless that is given; `standard` when not given.',
  }),
  format: z.enum(FORMATS).nullish().meta({ description: 'Without it the model’s own bytes are kept.' }),
  resolution: z.enum(RESOLUTIONS).nullish(),
  model: z.string().max(100).nullish(),
  reference_images: referenceImages.meta({
    description: 'https addresses, and `bucket/path` in Storage; sent after the images of the dataset.',
    override: { type: ['array', 'null'], items: { type: 'string' }, maxItems: 14 },
  }),
  deadline_seconds: z
    .int()
    .min(LIMITS.deadline_seconds.min)
    .max(LIMITS.deadline_seconds.max)
    .nullish()
    .meta({ description: `When to give up; ${LIMITS.deadline_seconds.default} when not given.` }),
  metadata: metadata.optional(),
  webhook_url: webhookUrl,
  dry_run: z.boolean().nullish().meta({ description: 'Only tell what it would cost and how long it waits.' }),
});
export type GenerateRequest = z.output<typeof generateRequest>;
/** What a client sends. */
export type GenerateBody = z.input<typeof generateRequest>;

/** The fields that are checked further, each null when it is not valid by itself: that is told already. */
const { dataset_id, model, quality, resolution, aspect_ratio, reference_images, webhook_url } =
  generateRequest.shape;
const checkedFields = z
  .object({
    dataset_id: dataset_id.catch(null),
    model: model.catch(null),
    quality: quality.catch(null),
    resolution: resolution.catch(null),
    aspect_ratio: aspect_ratio.catch(null),
    reference_images: reference_images.catch(null),
    webhook_url: webhook_url.catch(null),
  })
  .catch({
    dataset_id: null,
    model: null,
    quality: null,
    resolution: null,
    aspect_ratio: null,
    reference_images: null,
    webhook_url: null,
  });

/** What a request asks for, with everything decided that it left open. */
export type ImageSettings = {
  model: Model;
  aspectRatio: string;
  quality: (typeof QUALITIES)[number];
  resolution: Resolution;
  estimatedCostUsd: number;
  deadlineSeconds: number;
};

/**
 * `accepted` is null when there are errors. `datasetId`, `referenceImages` and `webhookUrl` are worth looking at in either
 * case: all errors are told at once.
 */
export type GenerateReading = {
  accepted: { request: GenerateRequest; settings: ImageSettings } | null;
  datasetId: string | null;
  referenceImages: ReferenceImage[];
  webhookUrl: string | null;
  errors: FieldError[];
};

/** Reads a body, and decides by the model what it leaves open: quality chooses the resolution unless that is given. */
export function readGenerateRequest(body: unknown, models: Models): GenerateReading {
  const { data: request, errors } = readBody(generateRequest, body);
  const fields = checkedFields.parse(body);
  const model = fields.model == null ? models.default : models.byId.get(fields.model);
  const quality = fields.quality ?? 'standard';
  const resolution = fields.resolution ?? RESOLUTION_OF_QUALITY[quality];
  const aspectRatio = fields.aspect_ratio ?? '1:1';

  if (!model) errors.push(unsupported('/model', `is none of ${[...models.byId.keys()].join(', ')}`));
  const able = model ? [model] : [...models.byId.values()];
  const ratios = able.flatMap((one) => one.aspect_ratios);
  if (!ratios.includes(aspectRatio)) errors.push(unsupported('/aspect_ratio', `is none of ${list(ratios)}`));
  const sizes = able.flatMap((one) => Object.keys(one.image_usd));
  if (!sizes.includes(resolution)) {
    const pointer = fields.resolution ? '/resolution' : '/quality';
    errors.push(unsupported(pointer, `is none of the sizes ${list(sizes)}`));
  }

  const estimatedCostUsd = model?.image_usd[resolution];
  const isAccepted = request && model && estimatedCostUsd !== undefined && errors.length === 0;
  const deadlineSeconds = request?.deadline_seconds ?? LIMITS.deadline_seconds.default;
  return {
    accepted: isAccepted
      ? { request, settings: { model, aspectRatio, quality, resolution, estimatedCostUsd, deadlineSeconds } }
      : null,
    datasetId: fields.dataset_id ?? null,
    referenceImages: fields.reference_images ?? [],
    webhookUrl: fields.webhook_url ?? null,
    errors,
  };
}

const list = (names: string[]) => [...new Set(names)].join(', ');

const unsupported = (pointer: string, detail: string): FieldError => ({
  pointer,
  code: 'unsupported',
  detail,
});
