import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { readAtMost } from '../shared/read-at-most.ts';
import { createRequestPublic, NotPublicError, type RequestPublic } from './public-request.ts';

const MOST_REDIRECTS = 3;
const MOST_TRIES = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const BUSY = new Set([408, 425, 429]);

/** Of DNS, TCP and a body that was broken off: what may be over in a second. */
const TEMPORARY = new Set([
  ...['ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ERR_STREAM_PREMATURE_CLOSE'],
]);

const HEADERS = {
  accept: 'image/png, image/jpeg, image/webp',
  'accept-encoding': 'identity',
  'user-agent': 'Darkroom',
};

/**
 * The bytes behind an address were not had. The message says why, as the predicate to a subject that the caller names;
 * it holds nothing of the address. `temporary`: another time it may go.
 */
export class UrlError extends Error {
  readonly temporary: boolean;

  constructor(message: string, { temporary = false, cause }: { temporary?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'UrlError';
    this.temporary = temporary;
  }
}

/** `withinMs` is for all of it: names, redirects, repetitions and the last byte. */
export type FetchUrl = (
  address: string,
  limits: { mostBytes: number; withinMs: number; signal: AbortSignal },
) => Promise<Buffer>;

/**
 * Fetches what a stranger's address holds: 3 redirects at most, each of them judged as the first address is; 3 tries at
 * most while a server is away. The bytes are as sent: no encoding is asked for and none undone.
 *
 * @throws UrlError; what `signal` aborts with
 */
export function createFetchUrl({
  request = createRequestPublic(),
  pauseMs = 500,
}: {
  request?: RequestPublic;
  pauseMs?: number;
} = {}): FetchUrl {
  const follow = async (address: string, signal: AbortSignal): Promise<IncomingMessage> => {
    let url = readUrl(address);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const response = await request(url, { headers: HEADERS, signal });
      const { statusCode = 0, headers } = response;
      if (statusCode === 200) return response;
      response.destroy();
      if (!REDIRECTS.has(statusCode) || headers.location === undefined) {
        const temporary = statusCode >= 500 || BUSY.has(statusCode);
        throw new UrlError(`was answered with ${statusCode}`, { temporary });
      }
      url = readUrl(headers.location, url);
    }
    throw new UrlError(`leads through more than ${MOST_REDIRECTS} redirects`);
  };

  return async (address, { mostBytes, withinMs, signal }) => {
    const timeout = AbortSignal.timeout(withinMs);
    const stop = AbortSignal.any([signal, timeout]);
    for (let tries = 1; ; tries++) {
      try {
        if (tries > 1) await delay(pauseMs * (tries - 1), undefined, { signal: stop });
        stop.throwIfAborted();
        return await readBody(await follow(address, stop), mostBytes);
      } catch (error) {
        signal.throwIfAborted();
        if (timeout.aborted) {
          throw new UrlError(`was not there within ${Math.ceil(withinMs / 1_000)} s`, { temporary: true });
        }
        const told = toUrlError(error);
        if (!told.temporary || tries === MOST_TRIES) throw told;
      }
    }
  };
}

function readUrl(address: string, base?: URL): URL {
  const url = URL.parse(address, base?.href);
  if (url?.protocol === 'https:' && !url.username && !url.password) return url;
  throw new UrlError(base ? 'leads to what is no plain https address' : 'is no plain https address');
}

/** Stops reading, which closes the connection, as soon as there is too much. */
async function readBody(response: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const announced = Number(response.headers['content-length'] ?? 0);
  const body = announced > mostBytes ? null : await readAtMost(response, mostBytes);
  if (body) return body;
  response.destroy();
  throw new UrlError(`has more than ${mostBytes} bytes`);
}

/** Whatever has no code is no trouble of a network but a mistake of ours. */
function toUrlError(error: unknown): UrlError {
  if (error instanceof UrlError) return error;
  if (error instanceof NotPublicError) return new UrlError('has no public address', { cause: error });
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') throw error;
  const temporary = TEMPORARY.has(code);
  return new UrlError(`cannot be ${temporary ? 'reached' : 'read'} (${code})`, { temporary, cause: error });
}
