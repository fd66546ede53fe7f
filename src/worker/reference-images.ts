import type { ReferenceImage } from '../shared/generation.ts';
import { type Storage, StorageError } from '../shared/storage.ts';
import type { ReferenceBytes } from './gemini.ts';
import { GenerationError } from './generation-error.ts';
import { sniffMimeType } from './inspect-image.ts';

/** Gemini takes requests of up to 20 MB, base64 included. */
const MOST_BYTES = 14 * 1024 * 1024;

/**
 * The reference images of a row, in order, with the type that their bytes have.
 *
 * @throws GenerationError reference_unreadable, for good, when one is missing, is no image, or all are too large
 *   together; a wait when Storage is away
 */
export async function fetchReferenceImages(
  storage: Pick<Storage, 'download'>,
  references: ReferenceImage[],
  signal: AbortSignal,
): Promise<ReferenceBytes[]> {
  const images: ReferenceBytes[] = [];
  let total = 0;
  // One after the other: what is too much together is never in memory together.
  for (const reference of references) {
    const image = await fetchOne(storage, reference, signal);
    total += image.bytes.length;
    if (total > MOST_BYTES) {
      throw unreadable(`The reference images have more than ${MOST_BYTES} bytes together.`);
    }
    images.push(image);
  }
  return images;
}

async function fetchOne(
  storage: Pick<Storage, 'download'>,
  { bucket, path }: ReferenceImage,
  signal: AbortSignal,
): Promise<ReferenceBytes> {
  const bytes = await storage.download(bucket, path, { signal }).catch((error: unknown) => {
    if (!(error instanceof StorageError) || signal.aborted) throw error;
    if (error.kind !== 'unavailable')
      throw unreadable(`The reference image ${bucket}/${path} cannot be read.`, error);
    throw new GenerationError({
      code: 'storage_failed',
      message: 'Storage does not give the reference images for now.',
      errorClass: 'wait',
      billed: false,
      cause: error,
    });
  });
  const mimeType = await sniffMimeType(bytes);
  if (!mimeType) throw unreadable(`The reference image ${bucket}/${path} is no PNG, JPEG or WebP.`);
  return { mimeType, bytes };
}

function unreadable(message: string, cause?: unknown): GenerationError {
  return new GenerationError({
    code: 'reference_unreadable',
    message,
    errorClass: 'permanent',
    billed: false,
    cause,
  });
}
