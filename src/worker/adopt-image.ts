import type { ClaimedGeneration, CompletedImage } from '../shared/generation.ts';
import { imageMetadataSchema } from '../shared/image-metadata.ts';
import type { Storage } from '../shared/storage.ts';
import { StorageError } from '../shared/storage-error.ts';
import { GenerationError } from './generation-error.ts';
import { isThumbnail, thumbnailPathOf } from './thumbnail-path.ts';

/**
 * The image that an earlier attempt has stored, whole with what the row needs of it, or null. The newest attempt
 * counts. Its thumbnail may be missing. An object without readable metadata is none of ours and is left for the clean-up.
 *
 * @throws GenerationError, a wait, when Storage does not say: without looking, nothing may be paid for
 */
export async function findStoredImage(
  storage: Pick<Storage, 'listImages' | 'describeImage' | 'imageUrl'>,
  row: Pick<ClaimedGeneration, 'folder'>,
  signal: AbortSignal,
): Promise<CompletedImage | null> {
  try {
    const paths = await storage.listImages(row.folder, { signal });
    const images = paths.filter((path) => !isThumbnail(path));
    for (const path of images.toSorted(byAttempt).reverse()) {
      const object = await storage.describeImage(path, { signal });
      const metadata = imageMetadataSchema.safeParse(object.metadata);
      if (!metadata.success || object.bytes === 0) continue;
      const { width, height, sha256, mime_type, usage, cost_usd, upstream_ms } = metadata.data;
      return {
        image_url: storage.imageUrl(path),
        storage_path: path,
        thumbnail_path: paths.find((other) => other === thumbnailPathOf(path)) ?? null,
        stray_path: null,
        bytes: object.bytes,
        ...{ width, height, sha256, mime_type, usage, cost_usd, upstream_ms },
        warnings: metadata.data.warnings,
        upload_ms: 0,
        billed: false,
      };
    }
    return null;
  } catch (error) {
    if (!(error instanceof StorageError) || signal.aborted) throw error;
    throw new GenerationError({
      code: 'storage_failed',
      message: 'Storage does not say for now whether there is an image already.',
      errorClass: 'wait',
      billed: false,
      cause: error,
    });
  }
}

/** Paths end in `{attempt}.{ext}`. */
const attemptOf = (path: string) => Number(/(\d+)\.[a-z]+$/.exec(path)?.[1] ?? 0);
const byAttempt = (a: string, b: string) => attemptOf(a) - attemptOf(b);
