import type { IncomingMessage } from 'node:http';
import { invalidArgument, Refusal } from './refusal.ts';

/** Gemini's limit for a request with its inline images. */
const MAX_BODY_BYTES = 20 * 1024 * 1024;

/**
 * Reads a request's JSON. A body that is too large or no JSON is returned as the Refusal it deserves, so that the call
 * can be counted first. Rejects when the client goes away before its request is complete.
 */
export async function readBody(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    // The rest of a body that is too large is read and dropped: an early answer would meet a client still writing.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES) {
    return invalidArgument(`Request payload size exceeds the limit: ${MAX_BODY_BYTES} bytes.`);
  }
  return parseJson(Buffer.concat(chunks).toString());
}

function parseJson(text: string): unknown | Refusal {
  try {
    return JSON.parse(text || '{}');
  } catch (cause) {
    return invalidArgument(`Invalid JSON payload received. ${(cause as Error).message}`);
  }
}

/** Throws a body that {@link readBody} refused. */
export function assertRead(body: unknown): void {
  if (body instanceof Refusal) throw body;
}
