import type { ImageOrder } from './image-order.ts';
import { seededRandom } from './seeded-random.ts';

/**
 * Gemini's usageMetadata for an answer with this many images, drafts included, as each is billed.
 * `candidatesTokensDetails` counts image tokens only; `candidatesTokenCount` is 88 to 630 larger, as on the live API.
 * An answer without an image is a refusal: candidates mirror thoughts there, and the total counts them once.
 */
export function usageOf(order: ImageOrder, images: number) {
  const random = seededRandom(`usage ${order.prompt}`);
  const textTokens = Math.ceil(order.prompt.length / 4);
  const referenceTokens = order.references.length * order.model.referenceTokens;
  const prompt = textTokens + referenceTokens;
  const thoughts = order.model.thinks ? 120 + Math.floor(random() * 300) : 0;
  const image = images * (order.model.imageTokens[order.size] ?? 0);
  const candidates = images ? image + 88 + Math.floor(random() * 543) : thoughts;
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: candidates,
    totalTokenCount: prompt + thoughts + (images ? candidates : 0),
    promptTokensDetails: [
      { modality: 'TEXT', tokenCount: textTokens },
      ...(referenceTokens ? [{ modality: 'IMAGE', tokenCount: referenceTokens }] : []),
    ],
    ...(images && { candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: image }] }),
    ...(thoughts && { thoughtsTokenCount: thoughts }),
    serviceTier: 'standard',
  };
}

/** usageMetadata of a prompt that was blocked before the model saw it. */
export function usageOfBlockedPrompt(order: ImageOrder) {
  const { promptTokenCount, promptTokensDetails } = usageOf(order, 0);
  return { promptTokenCount, totalTokenCount: promptTokenCount, promptTokensDetails };
}
