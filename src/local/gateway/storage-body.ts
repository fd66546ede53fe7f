import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { invalidRequest, StorageError } from './storage-error.ts';

/** A JSON body of the given shape; anything else is answered with 400 and the first thing that is wrong. */
export async function readStorageBody<T>(request: IncomingMessage, shape: z.ZodType<T>): Promise<T> {
  const parsed = shape.safeParse(parseJson(await text(request)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidRequest(`body${issue?.path.map((part) => `/${String(part)}`).join('')} ${issue?.message}`);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json === '' ? '{}' : json);
  } catch (cause) {
    throw invalidRequest(cause instanceof Error ? cause.message : 'Body is not valid JSON');
  }
}

const bytesPerUnit: Record<string, number> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

/** `20MB`, `30KB` or a number of bytes, as a number of bytes. */
const fileSize = z.union([z.int(), z.string()]).transform((value) => {
  if (typeof value === 'number') return value;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(gb|mb|kb|b)?$/i.exec(value) ?? [];
  if (amount === undefined) {
    const message = 'Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B';
    throw new StorageError({ statusCode: 400, code: 'InvalidRequest', message });
  }
  return Math.round(Number(amount) * (bytesPerUnit[unit?.toLowerCase() ?? 'b'] ?? 1));
});

const bucketOptions = {
  public: z.boolean().exactOptional(),
  file_size_limit: fileSize.nullable().exactOptional(),
  allowed_mime_types: z.array(z.string()).nullable().exactOptional(),
};

/** Body of a new bucket; `id` defaults to `name`. */
export const newBucketBody = z.object({ name: z.string(), id: z.string().optional(), ...bucketOptions });

/** Body of a bucket's change; what is not named stays. */
export const bucketChangeBody = z.object(bucketOptions);

/** Body of a listing. */
export const listBody = z.object({
  prefix: z.string(),
  limit: z.int().min(1).default(100),
  offset: z.int().min(0).default(0),
  search: z.string().default(''),
  sortBy: z
    .object({
      column: z.enum(['name', 'updated_at', 'created_at', 'last_accessed_at']).default('name'),
      order: z.enum(['asc', 'desc']).default('asc'),
    })
    .default({ column: 'name', order: 'asc' }),
});

/** Body of a removal: whole keys, whatever its name says. */
export const removeBody = z.object({
  prefixes: z.array(z.string()).min(1, 'must NOT have fewer than 1 items'),
});
