import type { Usage } from '../shared/generation.ts';
import type { Attributes, Tracing } from '../shared/tracing.ts';
import type { FetchUrl } from './fetch-url.ts';
import type { Gemini } from './gemini.ts';
import { GenerationError } from './generation-error.ts';

/**
 * The call of the model, by OpenTelemetry's names for generative AI; never the prompt, never the image.
 * Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
 */
export function traceGemini(gemini: Gemini, tracing: Tracing): Gemini {
  if (!tracing.isOn) return gemini;
  return {
    generateImage(order, signal) {
      const attributes = {
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.provider.name': 'gcp.gemini',
        'gen_ai.request.model': order.model.id,
        'gen_ai.output.type': 'image',
        'darkroom.resolution': order.resolution,
        'darkroom.reference_images': order.references.length,
      };
      return tracing.span(
        `generate_content ${order.model.id}`,
        { kind: 'client', attributes },
        async (span) => {
          try {
            const answer = await gemini.generateImage(order, signal);
            span.set({ ...usageOf(answer.usage), 'darkroom.cost_usd': answer.costUsd });
            return answer;
          } catch (error) {
            span.set(answerOf(error));
            throw error;
          }
        },
      );
    },
  };
}

/** Of an address only the host is told: the rest may be a signature that opens it. */
export function traceFetchUrl(fetchUrl: FetchUrl, tracing: Tracing): FetchUrl {
  if (!tracing.isOn) return fetchUrl;
  return (address, limits) => {
    const host = URL.parse(address)?.hostname;
    const attributes = { 'http.request.method': 'GET', ...(host && { 'server.address': host }) };
    return tracing.span('GET', { kind: 'client', attributes }, () => fetchUrl(address, limits));
  };
}

function usageOf(usage: Usage | null): Attributes {
  if (!usage) return {};
  return {
    'gen_ai.usage.input_tokens': usage.input_tokens,
    'gen_ai.usage.output_tokens': usage.output_tokens,
  };
}

/** What Gemini said when it gave no image, which may have cost tokens all the same. */
function answerOf(error: unknown): Attributes {
  if (!(error instanceof GenerationError)) return {};
  const status = error.upstream?.http_status;
  return { ...usageOf(error.usage), ...(status && { 'http.response.status_code': status }) };
}
