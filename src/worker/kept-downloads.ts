import type { Storage } from '../shared/storage.ts';

const MIB = 1024 * 1024;
/** Of all objects that are kept, whatever the number of slots. */
const MOST_BYTES = 48 * MIB;
const MOST_OBJECTS = 200;

type Kept = { version: string; content: Promise<Buffer>; bytes: number };

/**
 * Downloads that are remembered, for a batch asks for the same reference images thousands of times. Storage is still asked
 * each time which version of the object there is: one that was replaced, or is gone, is never taken from here. Who asks
 * for what is just being downloaded waits for that. What was used longest ago goes first.
 *
 * The bytes are shared: nobody may write into them.
 */
export function keepDownloads(
  storage: Pick<Storage, 'objectVersion' | 'download'>,
  { mostBytes = MOST_BYTES, mostObjects = MOST_OBJECTS } = {},
): Pick<Storage, 'download'> {
  /** In the order of their last use. */
  const kept = new Map<string, Kept>();

  const forgetOldest = (): void => {
    let bytes = [...kept.values()].reduce((sum, one) => sum + one.bytes, 0);
    for (const [key, one] of kept) {
      if (bytes <= mostBytes && kept.size <= mostObjects) return;
      kept.delete(key);
      bytes -= one.bytes;
    }
  };

  const start = (key: string, version: string, download: () => Promise<Buffer>): Kept => {
    const started: Kept = { version, content: download(), bytes: 0 };
    started.content.then(
      ({ length }) => {
        started.bytes = length;
        forgetOldest();
      },
      () => {
        if (kept.get(key) === started) kept.delete(key);
      },
    );
    return started;
  };

  return {
    async download(bucket, path, { signal, ...limits }) {
      const version = await storage.objectVersion(bucket, path, signal && { signal });
      const key = `${bucket}/${path}`;
      const found = kept.get(key);
      // Not ended by the signal of the one who was first: others may be waiting for it.
      const current =
        found?.version === version
          ? found
          : start(key, version, () => storage.download(bucket, path, limits));
      kept.delete(key);
      kept.set(key, current);
      return unlessAborted(current.content, signal);
    },
  };
}

/** @throws what `signal` aborts with */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
