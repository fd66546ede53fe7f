import type { IncomingMessage } from 'node:http';
import type { Bucket, BucketStore } from './bucket-store.ts';
import { listFolder } from './object-list.ts';
import type { ObjectStore } from './object-store.ts';
import { jsonReply, type Reply } from './reply.ts';
import { bucketChangeBody, newBucketBody, readStorageBody } from './storage-body.ts';
import { bypassesRowSecurity, requireStorageCaller, type StorageCaller } from './storage-caller.ts';
import { noSuchBucket, rowSecurityRefusal } from './storage-error.ts';
import { requireValidBucketName, type StoragePaths } from './storage-names.ts';
import type { VerifyToken } from './token-verifier.ts';

/** What all storage routes work with. */
export interface StorageDeps {
  paths: StoragePaths;
  buckets: BucketStore;
  objects: ObjectStore;
  verifyToken: VerifyToken;
}

/** Answers `/storage/v1/bucket` and `/storage/v1/bucket/{name}`; undefined for a method that it does not have. */
export async function answerBucketRequest(
  deps: StorageDeps,
  request: IncomingMessage,
  name: string | undefined,
): Promise<Reply | undefined> {
  const caller = await requireStorageCaller(request.headers.authorization, deps.verifyToken);
  switch (`${request.method} ${name === undefined ? 'all' : 'one'}`) {
    case 'GET all':
      return jsonReply(200, bypassesRowSecurity(caller) ? await deps.buckets.list() : []);
    case 'GET one':
      return jsonReply(200, await findVisibleBucket(deps, caller, name ?? ''));
    case 'POST all':
      return createBucket(deps, caller, request);
    case 'PUT one': {
      await findVisibleBucket(deps, caller, name ?? '');
      await deps.buckets.update(name ?? '', await readStorageBody(request, bucketChangeBody));
      return jsonReply(200, { message: 'Successfully updated' });
    }
    case 'DELETE one': {
      await findVisibleBucket(deps, caller, name ?? '');
      await deps.buckets.remove(name ?? '', () => isEmpty(deps, name ?? ''));
      return jsonReply(200, { message: 'Successfully deleted' });
    }
    default:
      return undefined;
  }
}

async function createBucket({ buckets }: StorageDeps, caller: StorageCaller, request: IncomingMessage) {
  const { name, id = name, ...options } = await readStorageBody(request, newBucketBody);
  requireValidBucketName(id);
  if (!bypassesRowSecurity(caller)) throw rowSecurityRefusal();
  await buckets.create(id, options);
  return jsonReply(200, { name });
}

async function findVisibleBucket(
  { buckets }: StorageDeps,
  caller: StorageCaller,
  name: string,
): Promise<Bucket> {
  const bucket = bypassesRowSecurity(caller) ? await buckets.find(name) : null;
  if (!bucket) throw noSuchBucket();
  return bucket;
}

async function isEmpty(deps: StorageDeps, bucket: string): Promise<boolean> {
  const anything = { folder: '', search: '', limit: 1, offset: 0, column: 'name', order: 'asc' } as const;
  return (await listFolder(deps, { ...anything, bucket })).length === 0;
}
