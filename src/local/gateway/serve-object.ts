import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { StoredObject } from './object-store.ts';
import type { Reply } from './reply.ts';
import { StorageError } from './storage-error.ts';

/** The answer to a download: whole, a range (206), or 304 when the client has it already. Closes the file. */
export async function serveObject(
  request: IncomingMessage,
  url: URL,
  { object, file }: { object: StoredObject; file: FileHandle },
): Promise<Reply> {
  let streaming = false;
  try {
    const headers = objectHeaders(object, url);
    if (isUnchanged(request, object)) return { status: 304, headers };
    const range = readRange(request.headers.range, object.metadata.size);
    if (range) headers['content-range'] = `bytes ${range.start}-${range.end}/${object.metadata.size}`;
    const length = range ? range.end - range.start + 1 : object.metadata.size;
    const reply = { status: range ? 206 : 200, headers: { ...headers, 'content-length': String(length) } };
    if (request.method === 'HEAD') return reply;
    streaming = true; // which closes the file at its end, or when it is destroyed
    return { ...reply, body: file.createReadStream(range ?? {}) };
  } finally {
    if (!streaming) await file.close();
  }
}

function objectHeaders({ metadata }: StoredObject, url: URL): Record<string, string> {
  const headers: Record<string, string> = {
    'accept-ranges': 'bytes',
    // A page must not run where API and uploads share an origin.
    'content-type': metadata.mimetype.includes('text/html') ? 'text/plain' : metadata.mimetype,
    etag: metadata.eTag,
    'last-modified': new Date(metadata.lastModified).toUTCString(),
    'cache-control': metadata.cacheControl,
    'x-robots-tag': 'none',
  };
  const download = url.searchParams.get('download');
  if (download === '') headers['content-disposition'] = 'attachment;';
  else if (download !== null) {
    const name = encodeURIComponent(download.toWellFormed());
    headers['content-disposition'] = `attachment; filename=${name}; filename*=UTF-8''${name}`;
  }
  return headers;
}

function isUnchanged({ headers }: IncomingMessage, { metadata }: StoredObject): boolean {
  if (headers['if-none-match'] !== undefined) return headers['if-none-match'] === metadata.eTag;
  const since = Date.parse(headers['if-modified-since'] ?? '');
  // HTTP dates have whole seconds.
  return Math.floor(Date.parse(metadata.lastModified) / 1000) <= Math.floor(since / 1000);
}

/** One range of bytes, both ends included; undefined for the whole object; what cannot be met is 416. */
function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) throw invalidRange();
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) throw invalidRange();
  return { start, end };
}

function invalidRange(): StorageError {
  const message = 'invalid range provided';
  return new StorageError({
    statusCode: 416,
    error: 'invalid_range',
    code: 'InvalidRange',
    message,
    httpStatus: 416,
  });
}
