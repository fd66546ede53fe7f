import type { ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';
import { pause } from './pause.ts';

/** Below this, the pieces of a body are joined: one packet is quicker than several. */
const JOIN_BELOW_BYTES = 64 * 1024;
const SLICES_OF_SLOW_BODY = 20;

/**
 * Sends an answer, or fails to in the way that its delivery says.
 * `ended` is called just before the client can know that it is over, so that whoever then reads the log finds the
 * call in it; it is never called for an answer that hangs. `gone` aborts when the client has left.
 */
export async function deliver(
  res: ServerResponse,
  answer: Answer,
  gone: AbortSignal,
  ended: (status: number | null) => void,
): Promise<void> {
  const { delivery, body, status } = answer;
  switch (delivery.how) {
    case 'hang':
      return;
    case 'hang-body':
      startAnswer(res, answer, sizeOf(body));
      return res.flushHeaders();
    case 'reset-before-headers':
      ended(null);
      return resetConnection(res);
    case 'reset-mid-body':
    case 'short-body':
      startAnswer(res, answer, sizeOf(body));
      await write(res, firstHalf(body), gone);
      ended(status);
      return delivery.how === 'short-body' ? closeConnection(res) : resetConnection(res);
    case 'truncated-json':
      return sendWhole(res, { ...answer, body: [firstHalf(body)] }, gone, ended);
    case 'slow-body':
      return sendSlowly(res, answer, delivery.ms, gone, ended);
    case 'whole':
      return sendWhole(res, answer, gone, ended);
  }
}

async function sendWhole(
  res: ServerResponse,
  answer: Answer,
  gone: AbortSignal,
  ended: (status: number) => void,
): Promise<void> {
  const size = sizeOf(answer.body);
  const pieces = size < JOIN_BELOW_BYTES ? [Buffer.concat(answer.body)] : answer.body;
  startAnswer(res, answer, size);
  for (const piece of pieces.slice(0, -1)) await write(res, piece, gone);
  finish(res, answer.status, pieces.at(-1) ?? Buffer.alloc(0), gone, ended);
}

async function sendSlowly(
  res: ServerResponse,
  answer: Answer,
  ms: number,
  gone: AbortSignal,
  ended: (status: number) => void,
): Promise<void> {
  const body = Buffer.concat(answer.body);
  const step = Math.ceil(body.length / SLICES_OF_SLOW_BODY);
  startAnswer(res, answer, body.length);
  for (let at = 0; at < body.length - step; at += step) {
    await write(res, body.subarray(at, at + step), gone);
    await pause(ms / SLICES_OF_SLOW_BODY, gone);
  }
  finish(res, answer.status, body.subarray(-(body.length % step || step)), gone, ended);
}

function startAnswer(res: ServerResponse, answer: Answer, size: number): void {
  res.writeHead(answer.status, {
    ...answer.headers,
    'content-length': size,
    'x-gemini-service-tier': 'standard',
  });
}

function finish(
  res: ServerResponse,
  status: number,
  last: Buffer,
  gone: AbortSignal,
  ended: (status: number) => void,
): void {
  if (gone.aborted) return;
  ended(status);
  res.end(last);
}

/** Resolves when the bytes are with the operating system, or the client is gone. */
function write(res: ServerResponse, bytes: Buffer, gone: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (gone.aborted) return Promise.resolve();
  gone.addEventListener('abort', () => resolve(), { once: true });
  // A write fails before the response closes. Going on then would count a call as answered whose client has left.
  res.write(bytes, (error) => {
    if (!error) resolve();
  });
  return promise;
}

function closeConnection(res: ServerResponse): void {
  res.socket?.end();
}

function resetConnection(res: ServerResponse): void {
  res.socket?.resetAndDestroy();
}

function sizeOf(body: Buffer[]): number {
  return body.reduce((size, piece) => size + piece.length, 0);
}

function firstHalf(body: Buffer[]): Buffer {
  return Buffer.concat(body).subarray(0, Math.ceil(sizeOf(body) / 2));
}
