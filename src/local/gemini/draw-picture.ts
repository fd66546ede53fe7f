import type { OverlayOptions } from 'sharp';
import { paintBackdrop } from './backdrop.ts';
import type { ImageOrder } from './image-order.ts';
import { letter } from './lettering.ts';
import { seededRandom } from './seeded-random.ts';
import { layThumbnails } from './thumbnails.ts';

export type ImageMime = 'image/png' | 'image/jpeg' | 'image/webp';

/**
 * Draws an order: its prompt on a gradient whose colours follow from the prompt, its reference images as thumbnails,
 * and a label that says what made it. The same order gives the same bytes.
 */
export async function drawPicture(order: ImageOrder, mime: ImageMime): Promise<Buffer> {
  const { width, height, prompt, model } = order;
  const backdrop = paintBackdrop(seededRandom(prompt), width, height);
  const label = await drawLabel(`Gemini simulator · ${model.id} · ${width}x${height}`, width, height);
  const thumbnails = order.references.length
    ? await layThumbnails(order.references, {
        width,
        bottom: label.top - Math.round(unitOf(width, height) / 40),
        side: Math.round(unitOf(width, height) / 7),
      })
    : [];
  const bottom = Math.min(label.top, ...thumbnails.map((tile) => tile.top ?? label.top));
  const picture = backdrop.composite([await drawPrompt(prompt, width, bottom), ...thumbnails, label.overlay]);
  if (mime === 'image/jpeg') return picture.jpeg({ quality: 90 }).toBuffer();
  if (mime === 'image/webp') return picture.webp({ quality: 90, effort: 2 }).toBuffer();
  return picture.png({ compressionLevel: 6, adaptiveFiltering: true }).toBuffer();
}

/** What lengths are measured by: the shorter side, but not below a quarter of the longer one. */
function unitOf(width: number, height: number): number {
  return Math.max(Math.min(width, height), Math.max(width, height) / 4);
}

/** Quotation marks are always ink, so a prompt of nothing but blanks still has something to draw. */
async function drawPrompt(prompt: string, width: number, bottom: number): Promise<OverlayOptions> {
  const margin = Math.round(width * 0.08);
  const box = { width: width - 2 * margin, height: Math.round(bottom * 0.84) };
  const unit = Math.min(box.width, unitOf(width, bottom));
  const text = await letter(`“${prompt.trim()}”`, {
    ...box,
    largest: Math.round(unit / 12),
    smallest: Math.max(10, Math.round(Math.min(width, bottom) / 64)),
    bold: true,
    colour: '#ffffff',
  });
  const left = Math.round((width - text.width) / 2);
  return { input: text.image, left, top: Math.round((bottom - text.height) / 2) };
}

async function drawLabel(text: string, width: number, height: number) {
  const size = Math.round(unitOf(width, height) / 52);
  const words = await letter(text, {
    width: Math.round(width * 0.92),
    height: Math.round(height / 6),
    largest: Math.max(10, size),
    smallest: Math.max(7, Math.round(width / 60)),
    bold: false,
    colour: '#ffffffd8',
  });
  const margin = Math.round(unitOf(width, height) / 36);
  const top = height - words.height - margin;
  const left = Math.round((width - words.width) / 2);
  return { top, overlay: { input: words.image, left, top } };
}
