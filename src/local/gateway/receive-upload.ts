import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bucket } from './bucket-store.ts';
import type { NewObject, ReceivedBytes } from './object-store.ts';
import { entityTooLarge, invalidMimeType, invalidRequest } from './storage-error.ts';

/** Supabase's own limit for one object, whatever a bucket allows. */
export const maximumObjectBytes = 50 * 1024 * 1024;

/** What an upload brought. */
export type Upload = Omit<NewObject, 'bucket' | 'key'> & { bytes: ReceivedBytes };

/**
 * Takes an upload's bytes into a file under `incoming` and reads what it says of them. A Blob comes as a multipart form,
 * everything else as the bare body with headers. Answers EntityTooLarge and InvalidMimeType by the bucket's rules; a
 * client that breaks off leaves no file.
 */
export async function receiveUpload(
  request: IncomingMessage,
  bucket: Bucket,
  incoming: string,
): Promise<Upload> {
  const limit = Math.min(maximumObjectBytes, bucket.file_size_limit ?? maximumObjectBytes);
  const contentType = request.headers['content-type'];
  if (contentType?.startsWith('multipart/form-data')) {
    const { source, ...described } = await readForm(request, contentType, limit);
    requireAllowedType(described.mimeType, bucket);
    return { ...described, bytes: await receiveBytes(source, limit, incoming) };
  }
  const mimeType = contentType ?? 'application/octet-stream';
  requireAllowedType(mimeType, bucket);
  if (Number(request.headers['content-length']) > limit) throw entityTooLarge();
  const metadata = request.headers['x-metadata'];
  return {
    mimeType,
    cacheControl: request.headers['cache-control'] ?? 'no-cache',
    userMetadata:
      typeof metadata === 'string' ? parseMetadata(Buffer.from(metadata, 'base64').toString()) : {},
    bytes: await receiveBytes(request, limit, incoming),
  };
}

/** A form is read whole: its parser is the platform's own, and the size is known from the header before. */
async function readForm(request: IncomingMessage, contentType: string, limit: number) {
  const roomForFields = 1024 * 1024;
  if (Number(request.headers['content-length'] ?? Number.NaN) > limit + roomForFields) throw entityTooLarge();
  const body = Readable.toWeb(request) as ReadableStream<Uint8Array>;
  const form = await new Response(body, { headers: { 'content-type': contentType } })
    .formData()
    .catch((cause: unknown) => {
      throw invalidRequest(cause instanceof Error ? cause.message : 'No content provided');
    });
  const file = [...form.values()].find((value) => value instanceof File);
  if (!file) throw invalidRequest('No content provided');
  const cacheSeconds = form.get('cacheControl');
  const metadata = form.get('metadata') ?? form.get('userMetadata');
  return {
    source: Readable.fromWeb(file.stream()),
    mimeType: String(form.get('contentType') ?? file.type),
    cacheControl: cacheSeconds === null ? 'no-cache' : `max-age=${cacheSeconds}`,
    userMetadata: typeof metadata === 'string' ? parseMetadata(metadata) : {},
  };
}

async function receiveBytes(source: Readable, limit: number, incoming: string): Promise<ReceivedBytes> {
  const path = join(incoming, randomUUID());
  const hash = createHash('md5');
  let size = 0;
  const measure = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      size += chunk.length;
      hash.update(chunk);
      // What is too much is read and dropped: breaking off would also break the connection that the answer needs.
      if (size <= limit) yield chunk;
    }
  };
  try {
    await pipeline(source, measure, createWriteStream(path));
    if (size > limit) throw entityTooLarge();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { path, size, md5: hash.digest('hex') };
}

/** Metadata that is not a JSON object is dropped without a word, as there. */
function parseMetadata(json: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(json) as Record<string, unknown>) };
  } catch {
    return {};
  }
}

/** The type is compared as sent, parameters and all: `text/plain;charset=UTF-8` is not `text/plain`, as there. */
function requireAllowedType(mimeType: string, { allowed_mime_types: allowed }: Bucket): void {
  if (allowed === null || allowed.length === 0) return;
  const [type] = mimeType.split('/');
  if (!allowed.some((entry) => entry === mimeType || entry === `${type}/*`)) throw invalidMimeType(mimeType);
}
