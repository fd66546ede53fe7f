import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { NewGeneration } from '../shared/generation.ts';
import type { FieldError } from './api-error.ts';
import type { Caller } from './caller.ts';

export const LONGEST_KEY = 255;
const HEADER = 'Idempotency-Key';

export type KeyFields = Pick<NewGeneration, 'idempotency_scope' | 'idempotency_key' | 'request_hash'>;

/**
 * The Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header-07), quoted as the draft has it or bare.
 * Its scope is the caller and the path; the hash of the body tells a repetition from another request.
 *
 * @returns errors when the header holds no key. `fields` are asked for once the body is known to be valid, for what is
 *   not may be nested too deep to be hashed; none when the header is not there
 */
export function readIdempotencyKey(
  req: Request,
  caller: Caller,
): { fields: () => KeyFields; errors: FieldError[] } {
  const header = req.get(HEADER);
  if (header === undefined) return { fields: () => ({}), errors: [] };
  const key = unquote(header.trim());
  if (key === null || key === '' || key.length > LONGEST_KEY) {
    const detail = `is no quoted or bare text of 1 to ${LONGEST_KEY} visible ASCII characters`;
    return { fields: () => ({}), errors: [{ pointer: HEADER, code: 'invalid_format', detail }] };
  }
  return {
    fields: () => ({
      idempotency_scope: `${caller.laneKey} ${canonicalPath(req.path)}`,
      idempotency_key: key,
      request_hash: createHash('sha256')
        .update(canonicalJson(req.body ?? null))
        .digest('hex'),
    }),
    errors: [],
  };
}

/** A structured-field string (RFC 8941 3.3.3), or visible characters as they are; null for neither. */
function unquote(text: string): string | null {
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(["\\])/g, '$1');
  return /^[\x21\x23-\x7e]+$/.test(text) ? text : null;
}

/** One spelling for those that lead to one route. */
const canonicalPath = (path: string) => path.toLowerCase().replace(/\/$/, '');

/** JSON with the keys of objects in order: two spellings of one body are one body. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
