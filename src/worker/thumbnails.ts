import type { CompletedImage } from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import { IMAGES_BUCKET, type Storage } from '../shared/storage.ts';
import { StorageError } from '../shared/storage-error.ts';
import { createDrawThumbnail, type Drawable } from './draw-thumbnail.ts';
import { thumbnailPathOf } from './thumbnail-path.ts';

/** So long may an image that is stored already wait for its thumbnail. */
const WITHIN_MS = 8_000;
/** Of an earlier attempt's image that is fetched for it. */
const MOST_BYTES_FETCHED = 32 * 1024 * 1024;
/** A thumbnail has about as many bytes; such an image is its own. */
const SMALL_BYTES = 32 * 1024;
const SMALL_SIDE = 2_048;

type Facts = Pick<CompletedImage, 'storage_path' | 'bytes' | 'width' | 'height'>;
export type ThumbnailPaths = Pick<CompletedImage, 'thumbnail_path' | 'stray_path'>;

export type Thumbnails = {
  /**
   * Begins to draw the thumbnail of an image that is on its way to Storage. What it answers is called once the image is
   * there, and stores it. `signal` ends both.
   */
  draw(image: Facts & { content: Drawable }, signal: AbortSignal): () => Promise<ThumbnailPaths>;
  /** The thumbnail of an image that an earlier attempt has stored without one. */
  ofStored(image: Facts, signal: AbortSignal): Promise<ThumbnailPaths>;
};

/**
 * Thumbnails beside their images. They are a convenience, so nothing here rejects, waits long, or costs an image: one
 * that is not made is a warning in the log, and none.
 */
export function createThumbnails(deps: {
  storage: Pick<Storage, 'uploadThumbnail' | 'download'>;
  log: Logger;
  withinMs?: number;
}): Thumbnails {
  const drawThumbnail = createDrawThumbnail();

  const draw: Thumbnails['draw'] = ({ content, ...image }, signal) => {
    if (isSmall(image)) return async () => ({ thumbnail_path: image.storage_path, stray_path: null });
    const path = thumbnailPathOf(image.storage_path);
    const givenUp = new AbortController();
    const drawn = drawThumbnail(content, AbortSignal.any([signal, givenUp.signal]));
    // It may fail before anybody asks, and nobody asks when the image itself cannot be stored.
    drawn.catch(() => undefined);
    let isUploading = false;

    const store = async (ends: AbortSignal): Promise<ThumbnailPaths> => {
      const bytes = await drawn;
      ends.throwIfAborted();
      isUploading = true;
      await deps.storage.uploadThumbnail(path, bytes, { signal: ends });
      return { thumbnail_path: path, stray_path: null };
    };
    return async () => {
      const ends = AbortSignal.any([signal, AbortSignal.timeout(deps.withinMs ?? WITHIN_MS)]);
      try {
        return await Promise.race([store(ends), endOf(ends)]);
      } catch (error) {
        if (!signal.aborted) deps.log.warn({ path, err: error }, 'thumbnail.failed');
        return { thumbnail_path: null, stray_path: isUploading && mayBeStored(error) ? path : null };
      } finally {
        givenUp.abort();
      }
    };
  };

  return {
    draw,
    ofStored(image, signal) {
      const options = { signal, mostBytes: MOST_BYTES_FETCHED };
      const content = () => deps.storage.download(IMAGES_BUCKET, image.storage_path, options);
      return draw({ ...image, content }, signal)();
    },
  };
}

const isSmall = ({ bytes, width, height }: Facts): boolean =>
  bytes <= SMALL_BYTES && Math.max(width, height) <= SMALL_SIDE;

/** Only what Storage has refused is surely not there. */
const mayBeStored = (error: unknown): boolean =>
  !(error instanceof StorageError) || error.kind === 'unavailable' || error.kind === 'exists';

/** Rejects when `signal` aborts. */
function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
