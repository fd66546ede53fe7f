import { Agent, type RequestInfo, type RequestInit, fetch as undiciFetch } from 'undici';
import { GenerationError } from './generation-error.ts';

/**
 * The SDK's way to the network. A redirect is not followed: fetch would make the POST a GET and take the API key to
 * whoever is named there. undici's own timeouts are off, since the caller's is the one that counts, and its fetch goes
 * with its Agent: the one inside Node refuses an Agent of another version.
 *
 * @throws GenerationError misconfigured for a redirect
 */
export function createGeminiFetch(): typeof fetch {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const fetchOnAgent = async (input: RequestInfo, init?: RequestInit) => {
    const response = await undiciFetch(input, { ...init, dispatcher, redirect: 'manual' });
    if (response.status < 300 || response.status >= 400) return response;
    await response.body?.cancel();
    throw new GenerationError({
      code: 'misconfigured',
      message: 'The address of Gemini leads to another one.',
      errorClass: 'permanent',
      billed: false,
      upstream: { reason: response.statusText || null, http_status: response.status },
    });
  };
  return fetchOnAgent as unknown as typeof fetch;
}
