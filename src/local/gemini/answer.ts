import { randomUUID } from 'node:crypto';
import type { ImageOrder } from './image-order.ts';
import type { Picture } from './pictures.ts';
import { usageOf } from './usage.ts';

/** Whether Google would have charged for a call; `maybe` when work was done and its result did not arrive whole. */
export type Billed = boolean | 'maybe';

/** How an answer's bytes leave, or fail to. */
export type Delivery =
  | {
      how:
        | 'whole'
        | 'hang'
        | 'hang-body'
        | 'reset-before-headers'
        | 'reset-mid-body'
        | 'truncated-json'
        | 'short-body';
    }
  | { how: 'slow-body'; ms: number };

/** Everything about the answer to one call. The body is in pieces, so that large images are never copied. */
export type Answer = {
  status: number;
  headers: Record<string, string>;
  body: Buffer[];
  billed: Billed;
  delivery: Delivery;
};

/** One part of a candidate's content. */
export type Part = { text: string } | { picture: Picture; thought?: true };

const JSON_TYPE = 'application/json; charset=UTF-8';
const PICTURE_MARK = '\u0000picture\u0000';

/** An answer delivered whole, with this text as its body. */
export function textAnswer(
  status: number,
  contentType: string,
  body: string,
  billed: Billed = false,
): Answer {
  return {
    status,
    headers: { 'content-type': contentType },
    body: [Buffer.from(body)],
    billed,
    delivery: { how: 'whole' },
  };
}

/** An answer delivered whole, with this value as its JSON, indented as Google's is. */
export function jsonAnswer(status: number, value: unknown, billed: Billed = false): Answer {
  return textAnswer(status, JSON_TYPE, `${JSON.stringify(value, null, 2)}\n`, billed);
}

/** A 200 answer of one candidate with these parts; it is billed, whatever the parts are. */
export function candidateAnswer(
  order: ImageOrder,
  parts: readonly Part[],
  finish: { finishReason: string; finishMessage?: string } = { finishReason: 'STOP' },
): Answer {
  const pictures = parts.flatMap((part) => ('picture' in part ? [part.picture] : []));
  const content = { parts: parts.map((part) => wirePart(part, order.model.thinks)), role: 'model' };
  const value = {
    candidates: [{ content, ...finish, index: 0 }],
    usageMetadata: usageOf(order, pictures.length),
    ...identityOf(order),
  };
  return { ...textAnswer(200, JSON_TYPE, '', true), body: insertPictures(value, pictures) };
}

/** The fields that tell which model answered and name the response. */
export function identityOf(order: ImageOrder) {
  return { modelVersion: order.model.id, responseId: randomUUID() };
}

function wirePart(part: Part, thinks: boolean) {
  if ('text' in part) return part;
  return {
    ...(part.thought && { thought: true }),
    ...(thinks && { thoughtSignature: 'R2VtaW5pIHNpbXVsYXRvcg==' }),
    inlineData: { mimeType: part.picture.mimeType, data: PICTURE_MARK },
  };
}

/** Puts base64 between the pieces of the JSON: stringifying it would copy each image several times. */
function insertPictures(value: unknown, pictures: Picture[]): Buffer[] {
  const pieces = `${JSON.stringify(value, null, 2)}\n`.split(JSON.stringify(PICTURE_MARK).slice(1, -1));
  return pieces.flatMap((piece, at) => {
    const picture = pictures[at];
    return picture ? [Buffer.from(piece), picture.base64] : [Buffer.from(piece)];
  });
}
