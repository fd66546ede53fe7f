import { z } from 'zod';
import type { Generation } from '../shared/generation.ts';

/** PostgreSQL's own text of a time: a JavaScript Date would lose the microseconds, and with them rows. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?[+-](0\d|1[0-4]):[0-5]\d$/;
const positionSchema = z.tuple([z.string().refine(isTime), z.guid()]);

/** Where a page ended: opaque to clients. */
export function encodeCursor(row: Pick<Generation, 'created_at' | 'id'>): string {
  return Buffer.from(JSON.stringify([row.created_at, row.id])).toString('base64url');
}

export const cursor = z
  .string()
  .max(200)
  .transform((text, context) => {
    const position = positionSchema.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
    if (position.success) {
      return { createdAt: position.data[0], id: position.data[1] };
    }
    context.issues.push({ code: 'custom', input: text, message: 'is no cursor of this list' });
    return z.NEVER;
  });

/** Whether PostgreSQL takes it: JavaScript would carry the 30th of February over to March. */
function isTime(text: string): boolean {
  const local = TIME.exec(text)?.[1];
  if (local === undefined || local.startsWith('0000')) return false;
  const time = new Date(`${local}Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(local);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no cursor; the schema says so.
    return undefined;
  }
}
