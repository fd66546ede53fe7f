import { readAtMost } from '../shared/read-at-most.ts';
import { NotPublicError, type RequestPublic } from './public-request.ts';

const WITHIN_MS = 15_000;
/** Of an answer that nobody looks at. */
const MOST_ANSWER_BYTES = 4_096;

/** Why an attempt failed, as the delivery shows it. */
export const ATTEMPT_ERRORS = [
  'http_status',
  'gone',
  'redirect',
  'timeout',
  'unreachable',
  'not_public',
  'no_secret',
] as const;
export type AttemptError = (typeof ATTEMPT_ERRORS)[number];

/** `errorCode` null: it arrived. `httpStatus` null: nobody answered. */
export type AttemptResult = { errorCode: AttemptError | null; httpStatus: number | null };

export type SendWebhook = (
  message: { url: string; headers: Record<string, string>; body: string },
  signal: AbortSignal,
) => Promise<AttemptResult>;

/**
 * One POST to a receiver, which has 15 seconds to answer: any 2xx has taken it, no redirect is followed, 410 wants no
 * more. The way there is the guarded one of public-request.ts.
 *
 * @throws what `signal` aborts with
 */
export function createSendWebhook(request: RequestPublic): SendWebhook {
  return async ({ url, headers, body }, signal) => {
    const timeout = AbortSignal.timeout(WITHIN_MS);
    try {
      const response = await request(new URL(url), {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
          'user-agent': 'Darkroom',
        },
        body,
        signal: AbortSignal.any([signal, timeout]),
      });
      const httpStatus = response.statusCode ?? 0;
      // The status has said it: what comes behind it is read only so that the receiver can send it, and may break off.
      await readAtMost(response, MOST_ANSWER_BYTES).catch(() => null);
      return { httpStatus, errorCode: judge(httpStatus) };
    } catch (error) {
      signal.throwIfAborted();
      if (timeout.aborted) return { httpStatus: null, errorCode: 'timeout' };
      return { httpStatus: null, errorCode: explain(error) };
    }
  };
}

function judge(status: number): AttemptError | null {
  if (status >= 200 && status < 300) return null;
  if (status === 410) return 'gone';
  return status >= 300 && status < 400 ? 'redirect' : 'http_status';
}

/** Whatever has no code is no trouble of a network but a mistake of ours. */
function explain(error: unknown): AttemptError {
  if (error instanceof NotPublicError) return 'not_public';
  if (typeof (error as { code?: unknown }).code !== 'string') throw error;
  return 'unreachable';
}
