import type { ImageRecord } from '../client/images.ts';

/** What Windows has for devices, with any ending. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
/** What some file system does not take, and what turns the direction of what follows. */
const UNFIT = /[\\/:*?"<>|\p{Cc}\p{Cs}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** File systems take 255 bytes, of which an id and the ending need some. */
const MOST_BYTES = 180;
const ENDINGS: Record<string, string> = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' };

/**
 * Names that an image may have in a folder, best first: its `custom_id` as far as that is fit for one, the same with a part of
 * its id, with all of it. None of them leads out of the folder or hides.
 */
export function namesOf(image: Pick<ImageRecord, 'id' | 'custom_id' | 'mime_type' | 'image_url'>): string[] {
  const ending = endingOf(image);
  const id = toFileName(image.id);
  const own = image.custom_id === null ? '' : withoutEnding(toFileName(image.custom_id), ending);
  const bases = own === '' ? [id] : [own, `${own}-${id.slice(-8)}`, `${own}-${id}`];
  return bases.map((base) => `${base}.${ending}`);
}

/** Somebody's text as a name: what is unfit for one becomes `_`; empty when nothing is left. */
export function toFileName(text: string): string {
  const fit = cut(text.normalize('NFC').replace(UNFIT, '_'))
    .replace(/^[. ]+/, '_')
    .replace(/[. ]+$/, '');
  return RESERVED.test(fit) ? `_${fit}` : fit;
}

function cut(text: string): string {
  let kept = '';
  let bytes = 0;
  for (const letter of text) {
    bytes += Buffer.byteLength(letter);
    if (bytes > MOST_BYTES) break;
    kept += letter;
  }
  return kept;
}

function endingOf({ mime_type: type, image_url: url }: Pick<ImageRecord, 'mime_type' | 'image_url'>): string {
  const known = ENDINGS[type ?? ''];
  if (known) return known;
  // What an older service stored has no type.
  const path = url === null ? '' : (URL.parse(url)?.pathname ?? '');
  return /\.([a-z0-9]{1,5})$/i.exec(path)?.[1]?.toLowerCase() ?? 'bin';
}

/** `cup.png` is not to become `cup.png.png`. */
function withoutEnding(name: string, ending: string): string {
  const endings = ending === 'jpg' ? ['.jpg', '.jpeg'] : [`.${ending}`];
  const found = endings.find((one) => name.toLowerCase().endsWith(one) && name.length > one.length);
  return found ? name.slice(0, -found.length) : name;
}
