import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** An HTTP answer as a value, so that routes return one and a single place writes it. */
export interface Reply {
  status: number;
  /** The reason phrase, where it differs from the standard one. */
  statusText?: string;
  headers: Record<string, string>;
  body?: string | Readable;
}

/** A JSON answer; `body` is a value, not text. */
export function jsonReply(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

/** Writes a reply; a stream that breaks, or a client that leaves, ends the connection and is no error here. */
export async function sendReply(response: ServerResponse, reply: Reply): Promise<void> {
  response.statusCode = reply.status;
  if (reply.statusText !== undefined) {
    // A reason phrase comes from `raise` and may hold anything; HTTP allows one line of Latin-1.
    response.statusMessage = reply.statusText.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, ' ');
  }
  for (const [name, value] of Object.entries(reply.headers)) response.setHeader(name, value);
  if (reply.body === undefined || typeof reply.body === 'string') {
    if (reply.status !== 204 && reply.status !== 304 && !response.hasHeader('content-length')) {
      response.setHeader('content-length', Buffer.byteLength(reply.body ?? ''));
    }
    response.end(reply.body);
    return;
  }
  const { body } = reply;
  await pipeline(body, response).catch(() => {
    // A client that has left before the first byte is no stream to pipe to, and then nobody else closes the file.
    body.destroy();
    response.destroy();
  });
}
