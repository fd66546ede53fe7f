import type { ReferenceImage, StoredReference } from '../shared/generation.ts';
import type { Storage } from '../shared/storage.ts';
import { StorageError } from '../shared/storage-error.ts';
import { type FetchUrl, UrlError } from './fetch-url.ts';
import type { ReferenceBytes } from './gemini.ts';
import { GenerationError } from './generation-error.ts';
import { sniffMimeType } from './inspect-image.ts';
import type { ShrinkImage } from './shrink-image.ts';

const MIB = 1024 * 1024;
/** Of all together as they are sent: Gemini takes requests of up to 20 MB, base64 included. */
const MOST_BYTES = 14 * MIB;
const MOST_BYTES_OF_URL = 10 * MIB;
/** Models make images of up to 25 MB, and those may be references, too. */
const MOST_BYTES_OF_OBJECT = 32 * MIB;

/** For one address, and for all of a row: slow servers of others must not keep a slot for minutes. */
const URL_MS = 15_000;
const ALL_URLS_MS = 60_000;

type Sources = { storage: Pick<Storage, 'download'>; fetchUrl: FetchUrl; shrinkImage: ShrinkImage };

/**
 * The reference images of a row, in order, with the type that their bytes have. Their bytes are as they are found while
 * there is room for that: each may have an equal share of what those before it have left, and is made smaller when it
 * has more. So fourteen large ones go to the model together, and no image is lost for their size.
 *
 * @throws GenerationError reference_unreadable, for good, when one cannot be had, is no image, or cannot be made small
 *   enough; a wait when Storage is away
 */
export async function fetchReferenceImages(
  { storage, fetchUrl, shrinkImage }: Sources,
  references: ReferenceImage[],
  signal: AbortSignal,
): Promise<ReferenceBytes[]> {
  const images: ReferenceBytes[] = [];
  const urlsEndAt = performance.now() + ALL_URLS_MS;
  let total = 0;
  // One after the other: what is too much together is never in memory together.
  for (const [index, reference] of references.entries()) {
    const name = nameOf(reference, index);
    const found =
      'url' in reference
        ? await fetchFromUrl(fetchUrl, reference.url, { name, endsAt: urlsEndAt, signal })
        : await fetchFromStorage(storage, reference, { name, signal });
    const share = Math.floor((MOST_BYTES - total) / (references.length - index));
    const image = await toReferenceBytes(found, name);
    const sent =
      found.length <= share ? image : await makeSmaller(shrinkImage, found, { name, share, signal });
    total += sent.bytes.length;
    images.push(sent);
  }
  return images;
}

async function toReferenceBytes(bytes: Buffer, name: string): Promise<ReferenceBytes> {
  const mimeType = await sniffMimeType(bytes);
  if (!mimeType) throw unreadable(`${name} is no PNG, JPEG or WebP that can be read.`);
  return { mimeType, bytes };
}

async function makeSmaller(
  shrinkImage: ShrinkImage,
  bytes: Buffer,
  { name, share, signal }: { name: string; share: number; signal: AbortSignal },
): Promise<ReferenceBytes> {
  const shrunk = await shrinkImage(bytes, share, signal);
  if (!shrunk) throw unreadable(`${name} has ${bytes.length} bytes and cannot be made smaller.`);
  return toReferenceBytes(shrunk, name);
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
  const limits = { mostBytes: MOST_BYTES_OF_OBJECT, signal };
  return storage.download(bucket, path, limits).catch((error: unknown) => {
    if (!(error instanceof StorageError) || signal.aborted) throw error;
    if (error.kind === 'too_large') throw unreadable(`${name} has more than ${MOST_BYTES_OF_OBJECT} bytes.`);
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
