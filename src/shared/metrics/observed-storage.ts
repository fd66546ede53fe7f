import type { Storage } from '../storage.ts';
import { type ObserveStorage, storageOutcome } from './call-metrics.ts';

/** The calls that are measured, by the names that their metrics have. */
const OPERATIONS = {
  ensureBuckets: 'ensure_buckets',
  uploadImage: 'upload_image',
  uploadThumbnail: 'upload_thumbnail',
  uploadFile: 'upload_file',
  listImages: 'list',
  listObjects: 'list',
  describeImage: 'describe',
  objectVersion: 'describe',
  removeImages: 'remove',
  removeObjects: 'remove',
  download: 'download',
} satisfies Partial<Record<keyof Storage, string>>;

type Call = (...args: unknown[]) => Promise<unknown>;

/** The same Storage, each call of which is told to `observe`. */
export function observeStorage(storage: Storage, observe: ObserveStorage): Storage {
  const measured = Object.entries(OPERATIONS).map(([name, operation]) => {
    const call = storage[name as keyof typeof OPERATIONS] as Call;
    return [name, measure(call, operation, observe)];
  });
  return { ...storage, ...Object.fromEntries(measured) };
}

function measure(call: Call, operation: string, observe: ObserveStorage): Call {
  return async (...args) => {
    const from = performance.now();
    try {
      const answer = await call(...args);
      observe(operation, 'ok', performance.now() - from);
      return answer;
    } catch (error) {
      const { signal } = (args.at(-1) ?? {}) as { signal?: AbortSignal };
      observe(operation, storageOutcome(error, signal), performance.now() - from);
      throw error;
    }
  };
}
