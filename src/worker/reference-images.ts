import type { ReferenceImage, StoredReference } from '../shared/generation.ts';
import { type Storage, StorageError } from '../shared/storage.ts';
import { type FetchUrl, UrlError } from './fetch-url.ts';
import type { ReferenceBytes } from './gemini.ts';
import { GenerationError } from './generation-error.ts';
import { sniffMimeType } from './inspect-image.ts';

/** Gemini takes requests of up to 20 MB, base64 included. */
const MOST_BYTES = 14 * 1024 * 1024;
const MOST_BYTES_OF_URL = 10 * 1024 * 1024;

/** For one address, and for all of a row: slow servers of others must not keep a slot for minutes. */
const URL_MS = 15_000;
const ALL_URLS_MS = 60_000;

type Sources = { storage: Pick<Storage, 'download'>; fetchUrl: FetchUrl };

/**
 * The reference images of a row, in order, with the type that their bytes have.
 *
 * @throws GenerationError reference_unreadable, for good, when one cannot be had, is no image, or all are too large
 *   together; a wait when Storage is away
 */
export async function fetchReferenceImages(
  { storage, fetchUrl }: Sources,
  references: ReferenceImage[],
  signal: AbortSignal,
): Promise<ReferenceBytes[]> {
  const images: ReferenceBytes[] = [];
  const urlsEndAt = performance.now() + ALL_URLS_MS;
  let total = 0;
  // One after the other: what is too much together is never in memory together.
  for (const [index, reference] of references.entries()) {
    const name = nameOf(reference, index);
    const bytes =
      'url' in reference
        ? await fetchFromUrl(fetchUrl, reference.url, { name, endsAt: urlsEndAt, signal })
        : await fetchFromStorage(storage, reference, { name, signal });
    const mimeType = await sniffMimeType(bytes);
    if (!mimeType) throw unreadable(`${name} is no PNG, JPEG or WebP that can be read.`);
    total += bytes.length;
    if (total > MOST_BYTES) {
      throw unreadable(`The reference images have more than ${MOST_BYTES} bytes together.`);
    }
    images.push({ mimeType, bytes });
  }
  return images;
}

async function fetchFromUrl(
  fetchUrl: FetchUrl,
  url: string,
  { name, endsAt, signal }: { name: string; endsAt: number; signal: AbortSignal },
): Promise<Buffer> {
  const withinMs = Math.max(1, Math.ceil(Math.min(URL_MS, endsAt - performance.now())));
  return fetchUrl(url, { mostBytes: MOST_BYTES_OF_URL, withinMs, signal }).catch((error: unknown) => {
    if (!(error instanceof UrlError)) throw error;
    throw unreadable(`${name} ${error.message}.`, { retryable: error.temporary, cause: error });
  });
}

async function fetchFromStorage(
  storage: Sources['storage'],
  { bucket, path }: StoredReference,
  { name, signal }: { name: string; signal: AbortSignal },
): Promise<Buffer> {
  return storage.download(bucket, path, { signal }).catch((error: unknown) => {
    if (!(error instanceof StorageError) || signal.aborted) throw error;
    if (error.kind !== 'unavailable') throw unreadable(`${name} cannot be read.`, { cause: error });
    throw new GenerationError({
      code: 'storage_failed',
      message: 'Storage does not give the reference images for now.',
      errorClass: 'wait',
      billed: false,
      cause: error,
    });
  });
}

/** Of an address only the host is told: the rest may be a signature that opens it. */
function nameOf(reference: ReferenceImage, index: number): string {
  if ('path' in reference) return `The reference image ${reference.bucket}/${reference.path}`;
  return `Reference image ${index + 1} (${URL.parse(reference.url)?.host ?? 'no address'})`;
}

function unreadable(message: string, how: { retryable?: boolean; cause?: unknown } = {}): GenerationError {
  return new GenerationError({
    code: 'reference_unreadable',
    message,
    errorClass: 'permanent',
    retryable: false,
    billed: false,
    ...how,
  });
}
