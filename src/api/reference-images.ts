import { z } from 'zod';
import type { ReferenceImage, StoredReference } from '../shared/generation.ts';
import { BUCKETS, isPlainPath } from '../shared/storage.ts';
import type { FieldError } from './api-error.ts';

/** Gemini takes so many images beside a prompt. */
export const MOST_REFERENCE_IMAGES = 14;
const LONGEST_URL = 2_048;
const LONGEST_PATH = 1_024;

/** What Storage takes in a key, but for the `?` that an address reads otherwise. */
const KEY = /^[\w/!.*'() &$@=;:+,-]+$/;
const UNREADABLE_IN_URL = /[\s\p{Cc}\p{Cs}]/u;

const referenceImage = z.string().transform((text, context): ReferenceImage => {
  const read = text.includes('://') ? readUrl(text) : readStoragePath(text);
  if (typeof read !== 'string') return read;
  context.addIssue({ code: 'custom', message: read, input: text });
  return z.NEVER;
});

/**
 * The field `reference_images`: https addresses, which only the worker resolves and judges, and `bucket/path` of objects
 * in Darkroom's buckets. Counted before they are looked at: one error for a body full of them.
 */
export const referenceImages = z
  .array(z.unknown())
  // Not by `max`, which measures a string too, though that has been refused as no array.
  .check(({ value, issues }) => {
    if (value.length <= MOST_REFERENCE_IMAGES) return;
    const limit = { origin: 'array', maximum: MOST_REFERENCE_IMAGES, inclusive: true } as const;
    issues.push({ code: 'too_big', ...limit, input: value, message: tooMany(`${value.length} images`) });
  })
  .pipe(z.array(referenceImage))
  .nullish();

/** The dataset's images, then the request's: the order in which the model gets them. */
export function joinReferenceImages(
  dataset: StoredReference[],
  request: ReferenceImage[],
): { images: ReferenceImage[]; errors: FieldError[] } {
  const images = [...dataset, ...request];
  if (images.length <= MOST_REFERENCE_IMAGES) return { images, errors: [] };
  const alone = dataset.length > MOST_REFERENCE_IMAGES;
  const found = alone ? `${dataset.length} reference images` : `${images.length} with those of the dataset`;
  const pointer = alone ? '/dataset_id' : '/reference_images';
  return { images, errors: [{ pointer, code: 'too_big', detail: tooMany(found) }] };
}

const tooMany = (found: string) => `has ${found}; ${MOST_REFERENCE_IMAGES} is the most`;

/** As it will be fetched, or what is wrong with it. */
function readUrl(text: string): ReferenceImage | string {
  if (!/^https:/i.test(text)) return 'is no https address';
  if (UNREADABLE_IN_URL.test(text)) return 'holds characters that no address has';
  const url = URL.parse(text);
  if (!url) return 'is no https address';
  if (url.username || url.password) return 'holds credentials';
  return url.href.length > LONGEST_URL ? `is longer than ${LONGEST_URL} characters` : { url: url.href };
}

function readStoragePath(text: string): ReferenceImage | string {
  const bucket = BUCKETS.find((name) => text.startsWith(`${name}/`));
  if (!bucket) return `is neither an https address nor bucket/path in one of ${BUCKETS.join(', ')}`;
  const path = text.slice(bucket.length + 1);
  if (path.length > LONGEST_PATH) return `has a path longer than ${LONGEST_PATH} characters`;
  return KEY.test(path) && isPlainPath(path) ? { bucket, path } : 'has a path that no object can have';
}
