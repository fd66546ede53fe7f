import { DarkroomError } from './darkroom-error.ts';

export type CallOptions = {
  /** Ends the call, its retries and its waiting; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** How long what is worth repeating is repeated, in milliseconds. */
  retryForMs?: number;
};

export type Call = CallOptions & {
  /** An object goes as JSON, a Blob as what its type says. */
  body?: FormData | Blob | object;
  headers?: Record<string, string>;
  /** The body is what is still coming, a ReadableStream, instead of what came. */
  asStream?: boolean;
};

export type Answer = { status: number; headers: Headers; body: unknown };

/** Sends one request; repeats it after a broken connection, a 429 or a 503, when the server says or by back-off. */
export type Send = (method: string, path: string, call?: Call) => Promise<Answer>;

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const RETRY_FOR_MS = 60_000;

/**
 * What the client sends is safe to repeat (a submit carries an Idempotency-Key), or is sent with `retryForMs: 0`. So a
 * connection that breaks is no error until `retryForMs` is over.
 *
 * @throws DarkroomError what Darkroom refused; TypeError when nobody could be reached in time
 */
export function createSend(options: {
  baseUrl: string;
  token: (() => string | undefined | Promise<string | undefined>) | string | undefined;
  fetch: typeof fetch;
}): Send {
  const sendOnce = async (method: string, path: string, call: Call): Promise<Answer> => {
    const token = typeof options.token === 'function' ? await options.token() : options.token;
    const { body, isJson } = encode(call.body);
    const response = await options.fetch(options.baseUrl + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(isJson && { 'content-type': 'application/json' }),
        ...(token && { authorization: `Bearer ${token}` }),
        ...call.headers,
      },
      ...(body !== undefined && { body }),
      ...(call.signal && { signal: call.signal }),
    });
    const { status, headers } = response;
    if (response.ok && call.asStream) return { status, headers, body: response.body };
    const answer = { status, headers, body: await readBody(response) };
    if (response.ok || response.status === 304) return answer;
    throw new DarkroomError(status, (answer.body ?? {}) as Record<string, unknown>);
  };

  return async (method, path, call = {}) => {
    const giveUpAt = Date.now() + (call.retryForMs ?? RETRY_FOR_MS);
    let mayBeDone = false;
    for (let tries = 0; ; tries++) {
      try {
        return await sendOnce(method, path, call);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (mayBeDone && isGone(method, error)) return { status: 204, headers: new Headers(), body: null };
        mayBeDone ||= !isRefusal(error);
        const pause = pauseBefore(error, tries);
        if (pause === null || Date.now() + pause > giveUpAt) throw error;
        await sleep(pause, call.signal);
      }
    }
  };
}

/** Nothing was done. A broken connection, and whoever answers 5xx, leaves that open. */
function isRefusal(error: unknown): error is DarkroomError {
  return error instanceof DarkroomError && error.status < 500;
}

/** A DELETE whose answer was lost finds nothing any more when it is repeated: that is what was asked for. */
function isGone(method: string, error: unknown): boolean {
  return method === 'DELETE' && isRefusal(error) && error.status === 404;
}

/** Milliseconds until the next try; null for what would only be refused again. */
function pauseBefore(error: unknown, tries: number): number | null {
  if (error instanceof DarkroomError) {
    if (!error.retryable) return null;
    if (error.retryAfterSeconds !== null) return error.retryAfterSeconds * 1_000;
  }
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
  return longest / 2 + Math.random() * (longest / 2);
}

/** Rejects with the signal's reason when that aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function encode(body: Call['body']): { body: FormData | Blob | string | undefined; isJson: boolean } {
  if (body === undefined || body instanceof FormData || body instanceof Blob) return { body, isJson: false };
  return { body: JSON.stringify(body), isJson: true };
}

/** A proxy in between may answer something else than JSON. */
async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!/json/.test(response.headers.get('content-type') ?? '')) return null;
  return text === '' ? null : JSON.parse(text);
}
