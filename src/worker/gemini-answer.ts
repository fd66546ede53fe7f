import type { Candidate, GenerateContentResponse, Part } from '@google/genai';
import type { Usage, Warning } from '../shared/generation.ts';
import type { Model } from '../shared/models.ts';
import { GenerationError } from './generation-error.ts';

export type ImagePart = { data: string; warnings: Warning[]; usage: Usage | null; costUsd: number };

/** The content itself is the reason: asking again gives the same. */
const BLOCKED = new Set([
  'SAFETY',
  'PROHIBITED_CONTENT',
  'BLOCKLIST',
  'SPII',
  'RECITATION',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_SAFETY',
  'IMAGE_RECITATION',
  'LANGUAGE',
]);
const OUT_OF_TOKENS = new Set(['MAX_TOKENS', 'CONTINUATION']);

/**
 * The image in an answer with status 200: the last image part that is no thought, since thinking models send drafts
 * before it.
 *
 * @throws GenerationError when there is none: blocked, out of tokens, or simply nothing
 */
export function readAnswer(answer: GenerateContentResponse, model: Model, listPriceUsd: number): ImagePart {
  const candidate = answer.candidates?.[0];
  const usage = readUsage(answer);
  const data = lastImage(candidate)?.inlineData?.data;
  if (data) {
    return {
      data,
      usage,
      costUsd: costOf(answer, model, true) ?? listPriceUsd,
      warnings: readWarnings(answer, model),
    };
  }

  const blockReason = answer.promptFeedback?.blockReason;
  const reason = blockReason ?? candidate?.finishReason ?? null;
  const fields = {
    billed: true,
    upstream: { reason, http_status: 200 },
    usage,
    costUsd: costOf(answer, model, false),
  };
  if (blockReason || (reason && BLOCKED.has(reason))) {
    const message = `Gemini refuses this content (${reason}).`;
    throw new GenerationError({ ...fields, code: 'content_blocked', message, errorClass: 'permanent' });
  }
  if (reason && OUT_OF_TOKENS.has(reason)) {
    const message = 'Gemini ran out of output tokens before the image.';
    throw new GenerationError({ ...fields, code: 'misconfigured', message, errorClass: 'permanent' });
  }
  throw noImage('Gemini answered without an image.', fields);
}

/** The model worked and there is no usable image. */
export function noImage(
  message: string,
  fields: {
    upstream?: { reason: string | null; http_status: number | null };
    usage: Usage | null;
    costUsd: number | null;
  },
): GenerationError {
  return new GenerationError({ ...fields, code: 'no_image', message, errorClass: 'no_image', billed: true });
}

function lastImage(candidate: Candidate | undefined): Part | undefined {
  return candidate?.content?.parts?.findLast((part) => part.thought !== true && part.inlineData?.data);
}

function readWarnings(answer: GenerateContentResponse, model: Model): Warning[] {
  const warnings: Warning[] = [];
  const finishReason = answer.candidates?.[0]?.finishReason;
  if (finishReason && finishReason !== 'STOP') {
    warnings.push({ code: 'unusual_finish', message: `Gemini ended with ${finishReason}.` });
  }
  const served = answer.modelVersion;
  if (served && !served.startsWith(model.id)) {
    warnings.push({ code: 'model_substituted', message: `Gemini served this with ${served}.` });
  }
  return warnings;
}

/** Output is everything that is not the prompt: the image, drafts, text and thoughts. */
function readUsage(answer: GenerateContentResponse): Usage | null {
  const counts = answer.usageMetadata;
  if (!counts) return null;
  const input = counts.promptTokenCount ?? 0;
  const total =
    counts.totalTokenCount ?? input + (counts.candidatesTokenCount ?? 0) + (counts.thoughtsTokenCount ?? 0);
  return { input_tokens: input, output_tokens: Math.max(0, total - input), total_tokens: total };
}

/**
 * USD by the tokens that the call reports: image tokens, other output, input; each at its own rate. Null when it does not
 * report what the image took.
 */
function costOf(answer: GenerateContentResponse, model: Model, hasImage: boolean): number | null {
  const usage = readUsage(answer);
  if (!usage) return null;
  const counted = (answer.usageMetadata?.candidatesTokensDetails ?? [])
    .filter((detail) => detail.modality === 'IMAGE')
    .reduce((sum, detail) => sum + (detail.tokenCount ?? 0), 0);
  // Without details the image is nearly all of the candidates' tokens; as text it would cost a quarter of it.
  const imageTokens = counted || (hasImage ? (answer.usageMetadata?.candidatesTokenCount ?? 0) : 0);
  if (hasImage && imageTokens === 0) return null;
  const textTokens = Math.max(0, usage.output_tokens - imageTokens);
  const { input, text, image } = model.token_usd;
  return (usage.input_tokens * input + textTokens * text + imageTokens * image) / 1_000_000;
}
