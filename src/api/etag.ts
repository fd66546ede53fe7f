import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { Generation } from '../shared/generation.ts';

/** Weak: the place in the queue moves without it (RFC 9110, 8.8.3). */
export const etagOf = ({ id, status_sequence }: Pick<Generation, 'id' | 'status_sequence'>) =>
  `W/"${id}-${status_sequence}"`;

/** Of a body that is the same for everybody: strong, by its bytes. */
export const contentTag = (body: string | Buffer) =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;

/** Whether If-None-Match names this tag, by weak comparison (RFC 9110, 13.1.2). */
export function isKnown(req: Request, etag: string): boolean {
  const header = req.get('If-None-Match');
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return header.split(',').some((tag) => opaque(tag) === opaque(etag));
}
