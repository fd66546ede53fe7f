import assert from 'node:assert/strict';
import { type GenerateContentResponse, GoogleGenAI } from '@google/genai';

/** What a test asks of the model beside its prompt. */
export type Ask = {
  model?: string;
  aspectRatio?: string;
  imageSize?: string;
  references?: { mimeType: string; data: string }[];
  signal?: AbortSignal;
  timeout?: number;
};

export type Generate = (prompt: string, ask?: Ask) => Promise<GenerateContentResponse>;

export const MODEL = 'gemini-nano-banana-2.1';

/** The real SDK as the worker uses it, pointed at a simulator: no retries, no silent continuation. */
export function createGenerate(baseUrl: string, apiKey = 'any key'): Generate {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } });
  return (prompt, { model = MODEL, aspectRatio, imageSize, references = [], signal, timeout } = {}) =>
    client.models.generateContent({
      model,
      contents: [
        { role: 'user', parts: [{ text: prompt }, ...references.map((inlineData) => ({ inlineData }))] },
      ],
      config: {
        automaticContinuation: false,
        responseModalities: ['IMAGE'],
        imageConfig: { ...(aspectRatio && { aspectRatio }), ...(imageSize && { imageSize }) },
        ...(signal && { abortSignal: signal }),
        ...(timeout && { httpOptions: { timeout } }),
      },
    });
}

/** The answer's image by the rule for drafts: the last part with bytes that is no thought. */
export function imageOf(response: GenerateContentResponse): { mimeType: string | undefined; bytes: Buffer } {
  const parts = response.candidates?.[0]?.content?.parts ?? [];
  const image = parts.findLast((part) => part.inlineData && !part.thought)?.inlineData;
  assert.ok(image?.data, 'the answer holds an image');
  return { mimeType: image.mimeType, bytes: Buffer.from(image.data, 'base64') };
}
