import { readFileSync } from 'node:fs';
import { z } from 'zod';

export const RESOLUTIONS = ['1K', '2K', '4K'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

const COMMON_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'];
const ALL_RATIOS = [...COMMON_RATIOS, '1:4', '4:1', '1:8', '8:1'];

const modelSchema = z.strictObject({
  id: z.string().min(1),
  aspect_ratios: z.array(z.string().regex(/^\d+:\d+$/)).min(1),
  /** USD an image, list price, by the resolutions the model has: what a caller is told beforehand. */
  image_usd: z.partialRecord(z.enum(RESOLUTIONS), z.number().nonnegative()),
  /** USD a million tokens; what a call has cost follows from the tokens that it reports. */
  token_usd: z.strictObject({ input: z.number(), text: z.number(), image: z.number() }),
  /** False: the model refuses an image size in the request (it has one only). */
  takes_image_size: z.boolean().default(true),
});
export type Model = z.output<typeof modelSchema>;

/** Google's image models and list prices as of November 2026. `MODELS_FILE` replaces them. */
const DEFAULT_MODELS: Model[] = [
  {
    id: 'gemini-nano-banana-2.1',
    aspect_ratios: ALL_RATIOS,
    image_usd: { '1K': 0.0336, '2K': 0.0504, '4K': 0.113 },
    token_usd: { input: 1.5, text: 7.5, image: 30 },
    takes_image_size: true,
  },
  {
    id: 'gemini-3-pro-image',
    aspect_ratios: COMMON_RATIOS,
    image_usd: { '1K': 0.134, '2K': 0.134, '4K': 0.24 },
    token_usd: { input: 2, text: 12, image: 120 },
    takes_image_size: true,
  },
  {
    id: 'gemini-3.1-flash-lite-image',
    aspect_ratios: COMMON_RATIOS,
    image_usd: { '1K': 0.0336 },
    token_usd: { input: 0.25, text: 1.5, image: 30 },
    takes_image_size: true,
  },
  {
    id: 'gemini-2.5-flash-image',
    aspect_ratios: COMMON_RATIOS,
    image_usd: { '1K': 0.039 },
    token_usd: { input: 0.3, text: 2.5, image: 30 },
    takes_image_size: false,
  },
];

/** The models that requests may name, by id. The first one serves requests that name none. */
export type Models = { default: Model; byId: ReadonlyMap<string, Model> };

/** The environment's part: which models there are, and which one serves requests that name none. */
export const modelsConfig = {
  MODELS_FILE: z
    .string()
    .optional()
    .transform((file, context) => (file ? readModels(file, context) : DEFAULT_MODELS)),
  DEFAULT_MODEL: z.string().optional(),
};

/** For a schema that has modelsConfig: the default has to be one of the models. Told beside all other problems. */
export const knowsDefaultModel = {
  check: (config: unknown): boolean => {
    const { MODELS_FILE: models, DEFAULT_MODEL: id } = config as {
      MODELS_FILE?: unknown;
      DEFAULT_MODEL?: unknown;
    };
    return id === undefined || !Array.isArray(models) || models.some((model: Model) => model.id === id);
  },
  problem: { path: ['DEFAULT_MODEL'], error: 'is none of the models', when: () => true },
};

export function createModels(models: Model[], defaultId: string | undefined): Models {
  const byId = new Map(models.map((model) => [model.id, model]));
  const chosen = defaultId === undefined ? models[0] : byId.get(defaultId);
  if (!chosen) throw new Error(`The default model ${defaultId} is none of the models`);
  return { default: chosen, byId };
}

function readModels(file: string, context: z.RefinementCtx): Model[] {
  try {
    return z
      .array(modelSchema)
      .min(1)
      .parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    context.issues.push({ code: 'custom', input: file, message: `${file}: ${reason}` });
    return z.NEVER;
  }
}
