import { Agent, type RequestInfo, type RequestInit, type Response, fetch as undiciFetch } from 'undici';
import { GenerationError } from './generation-error.ts';
import { ImageTooLarge } from './image-file.ts';
import type { AnswerFiles } from './image-files.ts';

/**
 * The SDK's way to the network. A redirect is not followed: fetch would make the POST a GET and take the API key to
 * whoever is named there. undici's own timeouts are off, since the caller's is the one that counts, and its fetch goes
 * with its Agent: the one inside Node refuses an Agent of another version.
 *
 * Made for each call, with the files that the large images of its answer go to: of a body of 16 MB the SDK would make
 * three copies.
 *
 * @throws GenerationError misconfigured for a redirect; what AnswerFiles throw
 */
export function createGeminiFetch(): (files: Pick<AnswerFiles, 'takeImages'>) => typeof fetch {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  return (files) => {
    const fetchOnAgent = async (input: RequestInfo, init?: RequestInit) => {
      const response = await undiciFetch(input, { ...init, dispatcher, redirect: 'manual' });
      if (response.ok && response.body) return takeImages(response, response.body, files);
      if (response.status < 300 || response.status >= 400) return response;
      await response.body?.cancel();
      throw redirected(response);
    };
    return fetchOnAgent as unknown as typeof fetch;
  };
}

async function takeImages(
  { status, headers }: Response,
  body: AsyncIterable<Uint8Array>,
  files: Pick<AnswerFiles, 'takeImages'>,
): Promise<globalThis.Response> {
  const json = await files.takeImages(body).catch((error: unknown) => {
    if (!(error instanceof ImageTooLarge)) throw error;
    const message = error.message;
    throw new GenerationError({
      code: 'upstream_error',
      message,
      errorClass: 'retryable',
      billed: true,
      cause: error,
    });
  });
  const kept = new Headers([...headers]);
  for (const ofTheBody of ['content-length', 'content-encoding']) kept.delete(ofTheBody);
  return new globalThis.Response(json, { status, headers: kept });
}

function redirected(response: Response): GenerationError {
  return new GenerationError({
    code: 'misconfigured',
    message: 'The address of Gemini leads to another one.',
    errorClass: 'permanent',
    billed: false,
    upstream: { reason: response.statusText || null, http_status: response.status },
  });
}
