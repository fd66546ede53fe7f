/**
 * Controls (C0, DEL, C1) move cursors, rename windows and worse; the others turn the direction of what follows, so that it
 * reads as something else than it is. Prompts, names and what servers say may hold any of them.
 */
const UNSAFE = /[\p{Cc}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const UNSAFE_IN_JSON = /[\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const letters = new Intl.Segmenter();

/** One line that does nothing to a terminal: white space as a blank, what else is unsafe as U+FFFD. */
export function toPlainLine(text: string): string {
  return text.replace(/[\t\r\n\v\f\u2028\u2029]+/g, ' ').replace(UNSAFE, '\ufffd');
}

/** JSON that says the same, and does nothing to a terminal that it is shown in. */
export function toSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    UNSAFE_IN_JSON,
    (unsafe) => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of letters.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** The text, or its beginning and `…`, in at most so many columns. */
export function fitInto(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let width = 1;
  for (const { segment } of letters.segment(text)) {
    width += WIDE.test(segment) ? 2 : 1;
    if (width > columns) break;
    kept += segment;
  }
  return `${kept}…`;
}
