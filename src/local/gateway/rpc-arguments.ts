import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { RpcError } from './rpc-error.ts';

/** The arguments as they arrived: JSON text from a POST, words from a GET's query. */
export type CallArguments = { json: string; names: string[] } | { words: Map<string, string> };

/** Takes a call's arguments from its request; answers PGRST100 to 102 for what PostgREST or this gateway refuses. */
export async function readArguments(request: IncomingMessage, url: URL): Promise<CallArguments> {
  if (request.method === 'GET' || request.method === 'HEAD') return { words: new Map(url.searchParams) };
  if (request.method !== 'POST') {
    const message = `Cannot use the ${request.method} method on RPC`;
    throw new RpcError({ status: 405, code: 'PGRST101', message });
  }
  if (url.search !== '') {
    // Better refused than ignored: an unfiltered answer would look like a right one.
    const message = 'Filters, select, order and limit on a function call are not part of the local gateway';
    throw new RpcError({ status: 400, code: 'PGRST100', message });
  }
  const mediaType = request.headers['content-type']?.split(';')[0]?.trim() ?? 'application/json';
  if (mediaType !== 'application/json') {
    throw new RpcError({
      status: 400,
      code: 'PGRST102',
      message: `Content-Type not acceptable: ${mediaType}`,
    });
  }
  const json = (await text(request)) || '{}';
  return { json, names: topLevelKeys(json) };
}

/** The names of the arguments that were given. */
export function argumentNames(given: CallArguments): string[] {
  return 'json' in given ? given.names : [...given.words.keys()];
}

function topLevelKeys(json: string): string[] {
  try {
    const value: unknown = JSON.parse(json);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : [];
  } catch (cause) {
    throw new RpcError({ status: 400, code: 'PGRST102', message: 'Empty or invalid json' }, { cause });
  }
}
