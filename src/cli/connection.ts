import { createDarkroomClient, type DarkroomClient } from '../client/client.ts';
import { usageError } from './exit-codes.ts';

const TELL_EVERY_MS = 30_000;
/** Of a gateway before an API that restarts, or of an API whose database is away. */
const AWAY = new Set([502, 503, 504]);

/** The address of the API as the client wants it. @throws CliError usage */
export function readUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw usageError(`"${text}" is no address of an API: give one like https://images.example.com.`);
  }
  if (url.username || url.password) {
    throw usageError('Credentials do not belong into the address: set DARKROOM_TOKEN or DARKROOM_API_KEY.');
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

/** Who asks: a token goes before a key. What is not set, or empty, is nobody. @throws CliError usage */
export function readToken(env: {
  token: string | undefined;
  apiKey: string | undefined;
}): string | undefined {
  const [name, token] = env.token?.trim()
    ? ['DARKROOM_TOKEN', env.token.trim()]
    : ['DARKROOM_API_KEY', env.apiKey?.trim() ?? ''];
  // fetch would tell such a one in its error.
  if (!/^[\x21-\x7e]*$/.test(token)) throw usageError(`${name} holds characters that no token has.`);
  return token === '' ? undefined : token;
}

/** A client that tells when the API does not answer, and when it does again; it tries on by itself. */
export function connect(options: {
  url: string;
  token: string | undefined;
  say: (line: string) => void;
}): DarkroomClient {
  let awaySince: number | null = null;
  let toldAt = 0;
  const tellAway = (why: string): void => {
    awaySince ??= Date.now();
    if (Date.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = Date.now();
    options.say(`The API at ${options.url} does not answer (${why}); trying again.`);
  };
  const tellBack = (): void => {
    if (awaySince === null) return;
    options.say(`The API answers again, after ${Math.ceil((Date.now() - awaySince) / 1_000)} s.`);
    awaySince = null;
    toldAt = 0;
  };
  const telling: typeof fetch = async (...call) => {
    const response = await fetch(...call).catch((error: unknown) => {
      if (!call[1]?.signal?.aborted) tellAway(reasonOf(error));
      throw error;
    });
    if (AWAY.has(response.status)) tellAway(`HTTP ${response.status}`);
    else tellBack();
    return response;
  };
  return createDarkroomClient({
    baseUrl: options.url,
    ...(options.token !== undefined && { token: options.token }),
    fetch: telling,
  });
}

/** Why a fetch failed, in as few words as the system has: `ECONNREFUSED`. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error) return 'code' in cause && cause.code ? String(cause.code) : cause.message;
  return String(cause);
}
