import type { IncomingMessage } from 'node:http';
import type { StorageDeps } from './bucket-routes.ts';
import { listFolder } from './object-list.ts';
import type { StoredObject } from './object-store.ts';
import { receiveUpload } from './receive-upload.ts';
import { jsonReply, type Reply } from './reply.ts';
import { serveObject } from './serve-object.ts';
import { listBody, readStorageBody, removeBody } from './storage-body.ts';
import { bypassesRowSecurity, requireStorageCaller, type StorageCaller } from './storage-caller.ts';
import { accessDenied, alreadyExists, noSuchBucket, noSuchKey, rowSecurityRefusal } from './storage-error.ts';
import { requireValidKey } from './storage-names.ts';

/** An object by its bucket and key. */
export interface ObjectName {
  bucket: string;
  key: string;
}

/**
 * Stores an upload. Whether the key is taken is asked before the bytes arrive and not again: of several uploads of one
 * new key all may succeed, and the last one stays. That is Storage's own behaviour; an upload is no lock.
 */
export async function uploadObject(
  deps: StorageDeps,
  request: IncomingMessage,
  { bucket: bucketName, key }: ObjectName,
): Promise<Reply> {
  const caller = await requireStorageCaller(request.headers.authorization, deps.verifyToken);
  const bucket = await deps.buckets.find(bucketName);
  if (!bucket) throw noSuchBucket();
  requireValidKey(key);
  if (!bypassesRowSecurity(caller)) throw rowSecurityRefusal();
  const replaces = request.method === 'PUT' || request.headers['x-upsert'] === 'true';
  if (!replaces && (await deps.objects.find(bucketName, key))) throw alreadyExists('KeyAlreadyExists');
  const { bytes, ...described } = await receiveUpload(request, bucket, deps.paths.incoming);
  const stored = await deps.objects.put({ ...described, bucket: bucketName, key }, bytes);
  return jsonReply(200, { Key: `${bucketName}/${key}`, Id: stored.id });
}

/** Answers a download by public URL: anybody may read, but from public buckets only. */
export async function downloadPublicObject(
  deps: StorageDeps,
  request: IncomingMessage,
  url: URL,
  { bucket, key }: ObjectName,
): Promise<Reply> {
  if (!(await deps.buckets.find(bucket))?.public) throw noSuchBucket();
  return download(deps, request, url, { bucket, key });
}

/** Answers a download with a token; what row level security hides looks as if it were not there. */
export async function downloadObject(
  deps: StorageDeps,
  request: IncomingMessage,
  url: URL,
  { caller, bucket, key }: ObjectName & { caller: StorageCaller },
): Promise<Reply> {
  const found = await deps.buckets.find(bucket);
  if (!found || (!found.public && !caller.authenticated)) throw noSuchBucket();
  if (!found.public && !bypassesRowSecurity(caller)) throw noSuchKey();
  return download(deps, request, url, { bucket, key });
}

async function download(
  { objects }: StorageDeps,
  request: IncomingMessage,
  url: URL,
  { bucket, key }: ObjectName,
): Promise<Reply> {
  requireValidKey(key);
  const opened = await objects.open(bucket, key);
  if (!opened) throw noSuchKey();
  return serveObject(request, url, opened);
}

/** Answers what is known of an object, the uploader's metadata among it, without its bytes. */
export async function describeObject(
  deps: StorageDeps,
  { caller, bucket, key }: ObjectName & { caller: StorageCaller },
): Promise<Reply> {
  const found = await deps.buckets.find(bucket);
  if (!found || (!found.public && !caller.authenticated)) throw noSuchBucket();
  if (!found.public && !bypassesRowSecurity(caller)) throw noSuchKey();
  requireValidKey(key);
  const object = await deps.objects.find(bucket, key);
  if (!object) throw noSuchKey();
  return jsonReply(200, objectInfo(object));
}

function objectInfo({ metadata, user_metadata, ...object }: StoredObject) {
  return {
    id: object.id,
    name: object.name,
    version: object.version,
    bucket_id: object.bucket_id,
    size: metadata.size,
    content_type: metadata.mimetype,
    cache_control: metadata.cacheControl,
    etag: metadata.eTag,
    metadata: user_metadata,
    last_modified: object.updated_at,
    created_at: object.created_at,
  };
}

/** Answers the contents of a folder. */
export async function listObjects(
  deps: StorageDeps,
  request: IncomingMessage,
  bucket: string,
): Promise<Reply> {
  const caller = await requireStorageCaller(request.headers.authorization, deps.verifyToken);
  const { prefix, sortBy, ...query } = await readStorageBody(request, listBody);
  if (!bypassesRowSecurity(caller)) return jsonReply(200, []);
  const folder = prefix.replace(/\/$/, '');
  return jsonReply(200, await listFolder(deps, { ...query, ...sortBy, bucket, folder }));
}

/** Removes many objects; answers those that were there. */
export async function removeObjects(
  deps: StorageDeps,
  request: IncomingMessage,
  bucket: string,
): Promise<Reply> {
  const caller = await requireStorageCaller(request.headers.authorization, deps.verifyToken);
  const { prefixes } = await readStorageBody(request, removeBody);
  if (!bypassesRowSecurity(caller)) return jsonReply(200, []);
  const removed = await Promise.all(prefixes.map((key) => deps.objects.remove(bucket, key)));
  return jsonReply(
    200,
    removed.filter((object) => object !== null),
  );
}

/** Removes one object, which must be there. */
export async function removeObject(
  deps: StorageDeps,
  request: IncomingMessage,
  { bucket, key }: ObjectName,
): Promise<Reply> {
  const caller = await requireStorageCaller(request.headers.authorization, deps.verifyToken);
  if (!(await deps.objects.find(bucket, key))) throw noSuchKey();
  if (!bypassesRowSecurity(caller)) throw accessDenied('Access denied');
  if (!(await deps.objects.remove(bucket, key))) throw noSuchKey();
  return jsonReply(200, { message: 'Successfully deleted' });
}
