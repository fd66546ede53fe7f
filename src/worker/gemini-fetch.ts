import { Agent, type Dispatcher } from 'undici';
import { readText, sendRequest, toResponse, unpackedBody } from '../shared/text-fetch.ts';
import { GenerationError } from './generation-error.ts';
import { ImageTooLarge } from './image-file.ts';
import type { AnswerFiles } from './image-files.ts';

/**
 * The SDK's way to the network. A redirect is not followed: it would take the API key to whoever is named there. undici's
 * own timeouts are off, since the caller's is the one that counts.
 *
 * Made for each call, with the files that the large images of its answer go to: of a body of 16 MB the SDK would make
 * three copies.
 *
 * @throws TypeError with its cause for a connection that breaks, as fetch does; GenerationError misconfigured for a
 * redirect; what AnswerFiles throw
 */
export function createGeminiFetch(): (files: Pick<AnswerFiles, 'takeImages'>) => typeof fetch {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

  return (files) =>
    async (input, init = {}) => {
      const answer = await sendRequest(dispatcher, String(input), init).catch(broken);
      const { statusCode, statusText } = answer;
      if (statusCode >= 200 && statusCode < 300) return toResponse(answer, await takeImages(answer, files));
      if (statusCode < 300 || statusCode >= 400)
        return toResponse(answer, await readText(answer).catch(broken));
      answer.body.destroy();
      throw redirected(statusCode, statusText);
    };
}

function takeImages(
  answer: Dispatcher.ResponseData,
  files: Pick<AnswerFiles, 'takeImages'>,
): Promise<string> {
  return files.takeImages(bodyOf(answer)).catch((error: unknown) => {
    if (!(error instanceof ImageTooLarge)) throw error;
    throw new GenerationError({
      code: 'upstream_error',
      message: error.message,
      errorClass: 'retryable',
      billed: true,
      cause: error,
    });
  });
}

/** What breaks here is the connection, and not what its reader makes of it. */
async function* bodyOf(answer: Dispatcher.ResponseData): AsyncGenerator<Uint8Array> {
  try {
    yield* unpackedBody(answer);
  } catch (error) {
    broken(error);
  }
}

function broken(cause: unknown): never {
  throw new TypeError('fetch failed', { cause });
}

function redirected(status: number, statusText: string): GenerationError {
  return new GenerationError({
    code: 'misconfigured',
    message: 'The address of Gemini leads to another one.',
    errorClass: 'permanent',
    billed: false,
    upstream: { reason: statusText || null, http_status: status },
  });
}
