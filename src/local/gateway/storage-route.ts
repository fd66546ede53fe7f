import { mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { answerBucketRequest, type StorageDeps } from './bucket-routes.ts';
import { createBucketStore } from './bucket-store.ts';
import {
  describeObject,
  downloadObject,
  downloadPublicObject,
  listObjects,
  removeObject,
  removeObjects,
  uploadObject,
} from './object-routes.ts';
import { createObjectStore } from './object-store.ts';
import { jsonReply, type Reply } from './reply.ts';
import { optionalStorageCaller } from './storage-caller.ts';
import { StorageError, storageErrorReply } from './storage-error.ts';
import { storagePaths } from './storage-names.ts';
import type { VerifyToken } from './token-verifier.ts';

/** Answers a request under `/storage/v1`; `path` is what follows, still escaped. */
export type StorageRoute = (request: IncomingMessage, url: URL, path: string) => Promise<Reply>;

/**
 * The Storage API on a folder, which it makes if need be. One gateway may use a folder at a time: the start throws away
 * what an earlier process had only half received.
 */
export async function createStorageRoute(
  storageDir: string,
  verifyToken: VerifyToken,
): Promise<StorageRoute> {
  const paths = storagePaths(storageDir);
  await rm(paths.incoming, { recursive: true, force: true });
  for (const folder of [paths.buckets, paths.versions, paths.incoming])
    await mkdir(folder, { recursive: true });
  const deps = { paths, buckets: createBucketStore(paths), objects: createObjectStore(paths), verifyToken };

  return async (request, url, path) => {
    try {
      return (await route(deps, request, url, path)) ?? routeNotFound(request);
    } catch (error) {
      if (error instanceof StorageError) return storageErrorReply(error);
      throw error;
    }
  };
}

async function route(
  deps: StorageDeps,
  request: IncomingMessage,
  url: URL,
  path: string,
): Promise<Reply | undefined> {
  const [kind, ...rest] = decodeParts(path, url);
  if (kind === 'bucket' && rest.length <= 1) return answerBucketRequest(deps, request, rest[0]);
  return kind === 'object' ? routeObject(deps, request, url, rest) : undefined;
}

async function routeObject(
  deps: StorageDeps,
  request: IncomingMessage,
  url: URL,
  parts: string[],
): Promise<Reply | undefined> {
  const { method } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  const [first, second] = parts;
  if (isRead && first === 'public') return downloadPublicObject(deps, request, url, nameIn(parts.slice(1)));
  if (method === 'POST' && first === 'list' && parts.length === 2) {
    return listObjects(deps, request, second ?? '');
  }
  if (method === 'DELETE' && parts.length === 1) return removeObjects(deps, request, first ?? '');
  if (parts.length < 2) return undefined;
  if (method === 'POST' || method === 'PUT') return uploadObject(deps, request, nameIn(parts));
  if (method === 'DELETE') return removeObject(deps, request, nameIn(parts));
  if (!isRead) return undefined;

  const caller = await optionalStorageCaller(request.headers.authorization, deps.verifyToken);
  if (first === 'info') return describeObject(deps, { caller, ...nameIn(parts.slice(1)) });
  const name = nameIn(first === 'authenticated' ? parts.slice(1) : parts);
  return downloadObject(deps, request, url, { caller, ...name });
}

function nameIn([bucket = '', ...key]: string[]) {
  return { bucket, key: key.join('/') };
}

function decodeParts(path: string, url: URL): string[] {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    const message = `'${url.pathname}' is not a valid url component`;
    throw new StorageError({ statusCode: 400, error: 'Bad Request', code: 'InvalidRequest', message });
  }
}

function routeNotFound({ method, url }: IncomingMessage): Reply {
  const message = `Route ${method}:${url} not found`;
  return jsonReply(404, { statusCode: '404', error: 'Not Found', message, code: 'InvalidRequest' });
}
