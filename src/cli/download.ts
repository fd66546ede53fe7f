import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from './connection.ts';
import type { Expected } from './image-file.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const TELL_EVERY_MS = 30_000;
/** Of an answer that another try is unlikely to change. */
const MOST_REFUSALS = 3;
const NO_DISK_LEFT = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'EIO']);

/** A file that cannot be had: it is not there, or it is not what the record says. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
}
/** Worth another try, for ever. */
class Interruption extends Error {}

export type Fetching = { signal: AbortSignal; say: (line: string) => void };
export type Download = (url: string, part: string, expected: Expected) => Promise<void>;

/**
 * Writes what `url` answers into the new file `part`, as it comes, and holds it to size and hash. Storage that is away is waited
 * for. No token goes there: images are public, and Storage may be somebody else's.
 *
 * @throws DownloadError; what the file system refuses; the signal's reason. `part` is gone then.
 */
export function createDownload({ signal, say }: Fetching): Download {
  let toldAt = 0;
  const tell = (url: string, why: string): void => {
    if (Date.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = Date.now();
    say(`${new URL(url).origin}, where the images are, does not answer (${why}); trying again.`);
  };

  return async (url, part, expected) => {
    let refusals = 0;
    for (let tries = 0; ; tries += 1) {
      try {
        return await fetchInto(url, part, expected, signal);
      } catch (error) {
        await unlink(part).catch(() => undefined);
        signal.throwIfAborted();
        if (error instanceof DownloadError) refusals += 1;
        else if (error instanceof Interruption) tell(url, error.message);
        else throw error;
        if (refusals >= MOST_REFUSALS) throw error;
      }
      const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
      await delay(longest / 2 + Math.random() * (longest / 2), undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      );
    }
  };
}

async function fetchInto(url: string, part: string, expected: Expected, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    throw new Interruption(reasonOf(error), { cause: error });
  });
  if (response.status === 429 || response.status >= 500) {
    await response.body?.cancel();
    throw new Interruption(`HTTP ${response.status}`);
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new DownloadError(`its address answers HTTP ${response.status}`);
  }
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (expected.bytes !== null && bytes > expected.bytes) throw new DownloadError('it has too many bytes');
      hash.update(chunk);
      yield chunk;
    }
  };
  // flush: what has a name survives also the machine's end.
  const file = createWriteStream(part, { flags: 'wx', flush: true });
  try {
    await pipeline(response.body, measure, file, { signal });
  } catch (error) {
    if (error instanceof DownloadError || isOfDisk(error)) throw error;
    throw new Interruption(reasonOf(error), { cause: error });
  }
  if (expected.bytes !== null && bytes !== expected.bytes) {
    throw new DownloadError(`it has ${bytes} bytes instead of ${expected.bytes}`);
  }
  if (expected.sha256 !== null && hash.digest('hex') !== expected.sha256) {
    throw new DownloadError('its bytes are not those that were stored');
  }
}

const isOfDisk = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && NO_DISK_LEFT.has(String(error.code));
