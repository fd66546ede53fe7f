import { type GenerateContentConfig, GoogleGenAI, type Part } from '@google/genai';
import type { Model, Resolution } from '../shared/models.ts';
import { type ImagePart, readAnswer } from './gemini-answer.ts';
import { classifyCallError } from './gemini-error.ts';
import { createGeminiFetch } from './gemini-fetch.ts';
import { GenerationError } from './generation-error.ts';
import type { AnswerFiles, ImageFiles } from './image-files.ts';
import { type ReceivedImage, receivedInMemory } from './received-image.ts';

export type ReferenceBytes = { mimeType: string; bytes: Buffer };

export type ImageOrder = {
  model: Model;
  prompt: string;
  references: ReferenceBytes[];
  aspectRatio: string | null;
  resolution: Resolution;
};

/** The image that was made. It is there until `discard`, which its taker has to call. */
export type MadeImage = Omit<ImagePart, 'data'> & { image: ReceivedImage; discard(): Promise<void> };

export type Gemini = {
  /**
   * One call, never repeated: what was billed once must not be billed again unseen.
   *
   * @throws GenerationError for what Gemini answered or did not; what `signal` aborts with when that ends it
   */
  generateImage(order: ImageOrder, signal: AbortSignal): Promise<MadeImage>;
};

/**
 * The one way to Gemini. The SDK is used without its retries and without its automatic continuation (each hop is
 * billed), with a controller of its own for each call (it leaves listeners on the signal), and with its error for
 * timeouts and aborts told apart here, since it gives the same for both.
 */
export function createGemini(options: {
  apiKey: string;
  baseUrl: string | undefined;
  timeoutMs: number;
  files: Pick<ImageFiles, 'open'>;
}): Gemini {
  const client = new GoogleGenAI({
    apiKey: options.apiKey,
    // The SDK would follow GOOGLE_GENAI_USE_VERTEXAI in the environment to another API.
    vertexai: false,
    ...(options.baseUrl && { httpOptions: { baseUrl: options.baseUrl } }),
  });
  const fetchInto = createGeminiFetch();

  return {
    async generateImage(order, signal) {
      const controller = new AbortController();
      const onAbort = () => controller.abort();
      signal.addEventListener('abort', onAbort, { once: true });
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        controller.abort();
      }, options.timeoutMs);
      const files = options.files.open();
      try {
        signal.throwIfAborted();
        const answer = await client.models.generateContent({
          model: order.model.id,
          contents: [{ role: 'user', parts: partsOf(order) }],
          config: {
            ...configOf(order),
            abortSignal: controller.signal,
            httpOptions: { fetch: fetchInto(files) },
          },
        });
        const { data, ...part } = readAnswer(
          answer,
          order.model,
          order.model.image_usd[order.resolution] ?? 0,
        );
        return { ...part, image: imageOf(data, files), discard: files.remove };
      } catch (error) {
        await files.remove();
        if (signal.aborted) throw signal.reason;
        if (timedOut) throw timeoutError(options.timeoutMs, error);
        if (error instanceof GenerationError) throw error;
        throw classifyCallError(error, order.model.id);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

function imageOf(data: string, files: AnswerFiles): ReceivedImage {
  return files.find(data) ?? receivedInMemory(Buffer.from(data, 'base64'));
}

function partsOf(order: ImageOrder): Part[] {
  const images = order.references.map(({ mimeType, bytes }) => ({
    inlineData: { mimeType, data: bytes.toString('base64') },
  }));
  return [...images, { text: order.prompt }];
}

function configOf({ model, aspectRatio, resolution }: ImageOrder): GenerateContentConfig {
  return {
    responseModalities: ['IMAGE'],
    automaticContinuation: false,
    imageConfig: {
      ...(aspectRatio && { aspectRatio }),
      ...(model.takes_image_size && { imageSize: resolution }),
    },
  };
}

function timeoutError(timeoutMs: number, cause: unknown): GenerationError {
  return new GenerationError({
    code: 'upstream_timeout',
    message: `Gemini did not answer within ${Math.round(timeoutMs / 1000)} s.`,
    errorClass: 'retryable',
    billed: true,
    cause,
  });
}
