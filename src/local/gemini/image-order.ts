import { z } from 'zod';
import { findModel, type ImageModel, type ImageSize, pixelsOf } from './models.ts';
import { invalidArgument, modelNotFound } from './refusal.ts';

/** What one valid request asks for. */
export type ImageOrder = {
  model: ImageModel;
  /** The text to draw: the prompt without its `[[sim:…]]` markers. */
  prompt: string;
  size: ImageSize;
  width: number;
  height: number;
  /** Reference images, decoded from their inlineData parts. */
  references: Buffer[];
};

const MAX_REFERENCES = 14;
const anything = z.unknown().optional();

const Part = z.strictObject({
  text: z.string().optional(),
  inlineData: z
    .strictObject({
      // Gemini does not know image/jpg.
      mimeType: z.enum(['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif']),
      data: z.string().regex(/^[A-Za-z0-9+/_-]+={0,2}$/, 'Base64 decoding failed'),
    })
    .optional(),
  thought: anything,
  thoughtSignature: anything,
});

const GenerationConfig = z.strictObject({
  responseModalities: z.array(z.enum(['TEXT', 'IMAGE', 'AUDIO'])).optional(),
  imageConfig: z
    .strictObject({
      aspectRatio: z.string().optional(),
      imageSize: z.enum(['512', '1K', '2K', '4K']).optional(),
    })
    .optional(),
  candidateCount: z.literal(1).optional(),
  maxOutputTokens: z.int().positive().optional(),
  stopSequences: z.array(z.string()).optional(),
  seed: z.int().optional(),
  temperature: z.number().optional(),
  topP: z.number().optional(),
  topK: z.number().optional(),
  thinkingConfig: anything,
  mediaResolution: anything,
});

const Body = z.strictObject({
  contents: z
    .array(z.strictObject({ role: z.enum(['user', 'model']).optional(), parts: z.array(Part).min(1) }))
    .min(1),
  generationConfig: GenerationConfig.optional(),
  systemInstruction: anything,
  safetySettings: anything,
  tools: anything,
  toolConfig: anything,
  serviceTier: anything,
});

/**
 * Reads the order out of a request body, checking it as Gemini does.
 * @throws Refusal 404 for an unknown model; 400 for a field, ratio or size that this model does not take.
 */
export function readOrder(model: string, version: string, prompt: string, body: unknown): ImageOrder {
  const known = findModel(model);
  if (!known) throw modelNotFound(model, version);
  const read = Body.safeParse(body);
  if (!read.success) throw malformed(read.error);

  const asked = read.data.generationConfig?.imageConfig ?? {};
  const size = asked.imageSize ?? '1K';
  if (asked.imageSize && !(known.acceptsSize && known.imageTokens[size])) {
    throw invalidArgument(`Image size ${size} is not supported for this model`);
  }
  const ratio = asked.aspectRatio ?? '1:1';
  const pixels = pixelsOf(known, ratio, size);
  if (!pixels) throw invalidArgument(`Aspect ratio ${ratio} is not supported for this model`);

  const parts = read.data.contents.flatMap((content) => content.parts);
  const references = parts.flatMap(({ inlineData }) =>
    inlineData ? [Buffer.from(inlineData.data, 'base64')] : [],
  );
  if (references.length > MAX_REFERENCES) {
    throw invalidArgument(`At most ${MAX_REFERENCES} input images are supported for this model`);
  }
  return { model: known, prompt, size, width: pixels[0], height: pixels[1], references };
}

/** The text of all the user's parts. Lenient, so that even a refused call is counted under its prompt. */
export function promptOf(body: unknown): string {
  const contents = asArray(Object(body).contents).filter((content) => Object(content).role !== 'model');
  const texts = contents
    .flatMap((content) => asArray(Object(content).parts))
    .map((part) => Object(part).text);
  return texts.filter((text) => typeof text === 'string').join('\n');
}

function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Google names fields in snake_case and says the same about them twice: in the message and in `details`. */
function malformed(error: z.ZodError) {
  const violations = error.issues.flatMap((issue) => {
    const field = fieldName(issue.path);
    if (issue.code !== 'unrecognized_keys') {
      return [{ field, description: `Invalid value at '${field}', ${issue.message}` }];
    }
    const place = field && ` at '${field}'`;
    return issue.keys.map((key) => ({
      field,
      description: `Invalid JSON payload received. Unknown name "${key}"${place}: Cannot find field.`,
    }));
  });
  return invalidArgument(violations.map((violation) => violation.description).join('\n'), [
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations },
  ]);
}

function fieldName(path: PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${snakeCase(String(step))}`))
    .join('')
    .replace(/^\./, '');
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}
