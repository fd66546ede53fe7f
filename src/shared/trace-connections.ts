import { type JobQueue, QUEUE_NAME } from './queue.ts';
import type { Rpc } from './rpc.ts';
import { IMAGES_BUCKET, type Storage } from './storage.ts';
import type { SpanOptions, Tracing } from './tracing.ts';

/** The span of one call of an SQL function, repetitions and all. Arguments are left out: prompts are among them. */
export function describeRpc(fn: string): [name: string, options: SpanOptions] {
  const attributes = {
    'db.system.name': 'postgresql',
    'db.operation.name': 'rpc',
    'db.stored_procedure.name': fn,
  };
  return [`rpc ${fn}`, { kind: 'client', attributes }];
}

export function traceRpc(rpc: Rpc, tracing: Tracing): Rpc {
  if (!tracing.isOn) return rpc;
  return (fn, args, options) => tracing.span(...describeRpc(fn), () => rpc(fn, args, options));
}

/** Buckets, counts and bytes; no paths, for who knows the path of a dataset's image can fetch it. */
export function traceStorage(storage: Storage, tracing: Tracing): Storage {
  if (!tracing.isOn) return storage;
  const call = <T>(
    name: string,
    bucket: string,
    work: () => Promise<T>,
    sizes: { bytes?: number; count?: number } = {},
  ): Promise<T> => {
    const attributes = {
      'darkroom.storage.bucket': bucket,
      ...(sizes.bytes !== undefined && { 'darkroom.storage.bytes': sizes.bytes }),
      ...(sizes.count !== undefined && { 'darkroom.storage.objects': sizes.count }),
    };
    return tracing.span(`storage ${name}`, { kind: 'client', attributes }, work);
  };
  return {
    ...storage,
    uploadImage: (path, image, ...rest) =>
      call('upload', IMAGES_BUCKET, () => storage.uploadImage(path, image, ...rest), image),
    uploadThumbnail: (path, content, options) =>
      call('upload', IMAGES_BUCKET, () => storage.uploadThumbnail(path, content, options), {
        bytes: content.length,
      }),
    uploadFile: (bucket, path, file, options) =>
      call('upload', bucket, () => storage.uploadFile(bucket, path, file, options), { bytes: file.bytes }),
    listImages: (...args) => call('list', IMAGES_BUCKET, () => storage.listImages(...args)),
    describeImage: (...args) => call('describe', IMAGES_BUCKET, () => storage.describeImage(...args)),
    objectVersion: (bucket, ...rest) =>
      call('describe', bucket, () => storage.objectVersion(bucket, ...rest)),
    removeImages: (paths, options) =>
      call('remove', IMAGES_BUCKET, () => storage.removeImages(paths, options), { count: paths.length }),
    listObjects: (bucket, ...rest) => call('list', bucket, () => storage.listObjects(bucket, ...rest)),
    removeObjects: (bucket, paths, options) =>
      call('remove', bucket, () => storage.removeObjects(bucket, paths, options), { count: paths.length }),
    download: (bucket, ...rest) => call('download', bucket, () => storage.download(bucket, ...rest)),
  };
}

/** Adding jobs to Redis. What goes with a job is only its id: its trace goes on from the row. */
export function traceQueue(queue: JobQueue, tracing: Tracing): JobQueue {
  if (!tracing.isOn) return queue;
  return {
    ...queue,
    async add(jobs) {
      if (jobs.length === 0) return;
      const attributes = {
        'messaging.system': 'bullmq',
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'add',
        'messaging.destination.name': QUEUE_NAME,
        'messaging.batch.message_count': jobs.length,
      };
      await tracing.span(`add ${QUEUE_NAME}`, { kind: 'producer', attributes }, () => queue.add(jobs));
    },
  };
}
