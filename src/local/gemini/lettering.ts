import { createRequire } from 'node:module';
import sharp from 'sharp';

/** Text drawn on a transparent background, as an image to lay over another. */
export type Lettering = { image: Buffer; width: number; height: number };

export type TextBox = {
  width: number;
  height: number;
  /** Font sizes in pixels: the largest that fits is used. At the smallest, text is cut with an ellipsis until it fits. */
  largest: number;
  smallest: number;
  bold: boolean;
  /** Pango's colour of the letters, e.g. `#ffffffd0`. */
  colour: string;
};

const { resolve } = createRequire(import.meta.url);
const FONT = {
  bold: () => resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
  regular: () => resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
};
// Measured on DejaVu Sans: an average letter is 0.62 of the font size wide, a line 1.17 high.
const LETTER_AREA = 0.62 * 1.17;

/**
 * Draws any text inside a box, as one paragraph. The font comes with the project, so that a machine without fonts
 * draws the same letters.
 */
export async function letter(text: string, box: TextBox): Promise<Lettering> {
  const letters = Array.from(text.replace(/\s+/g, ' '));
  let count = Math.min(
    letters.length,
    Math.floor((box.width * box.height) / (box.smallest ** 2 * LETTER_AREA)),
  );
  let size = Math.min(box.largest, Math.sqrt((box.width * box.height) / (count * LETTER_AREA)));
  for (;;) {
    size = Math.max(box.smallest, Math.floor(size));
    const shown = letters.slice(0, count).join('') + (count < letters.length ? '…' : '');
    const drawn = await drawText(shown, size, box);
    if (drawn.height <= box.height && drawn.width <= box.width) return drawn;
    if (size > box.smallest) size *= 0.92;
    else if (count > 1) count = Math.floor(count * 0.8);
    else return cropped(drawn, box);
  }
}

async function drawText(text: string, size: number, box: TextBox): Promise<Lettering> {
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="${box.colour}">${escapeMarkup(text)}</span>`,
      font: `DejaVu Sans ${box.bold ? 'Bold ' : ''}${size}`,
      fontfile: box.bold ? FONT.bold() : FONT.regular(),
      width: box.width,
      align: 'centre',
      // A word longer than the line must break, or the image gets wider than the box.
      wrap: 'word-char',
      dpi: 72,
      rgba: true,
    },
  })
    .png({ compressionLevel: 1 })
    .toBuffer({ resolveWithObject: true });
  return { image: data, width: info.width, height: info.height };
}

/** For a box too small for even one letter of the smallest size. */
async function cropped(drawn: Lettering, box: TextBox): Promise<Lettering> {
  const [width, height] = [Math.min(drawn.width, box.width), Math.min(drawn.height, box.height)];
  const image = await sharp(drawn.image).extract({ left: 0, top: 0, width, height }).png().toBuffer();
  return { image, width, height };
}

/** Pango reads markup as XML: no bare `<&>`, no control characters, no half surrogate pairs, no noncharacters. */
function escapeMarkup(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
