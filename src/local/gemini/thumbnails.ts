import sharp, { type OverlayOptions } from 'sharp';

/** Lays reference images out as one centred row of square tiles, `side` pixels each, whose bottom edge is at `bottom`. */
export async function layThumbnails(
  references: Buffer[],
  area: { width: number; bottom: number; side: number },
): Promise<OverlayOptions[]> {
  const pitch = Math.min(area.side * 1.125, (area.width * 0.92) / references.length);
  const side = Math.round(pitch / 1.125);
  const left = (area.width - (references.length - 1) * pitch - side) / 2;
  const tiles = await Promise.all(references.map((reference) => drawTile(reference, side)));
  return tiles.map((input, index) => ({
    input,
    left: Math.round(left + index * pitch),
    top: area.bottom - side,
  }));
}

async function drawTile(reference: Buffer, side: number): Promise<Buffer> {
  const mask = Buffer.from(
    `<svg width="${side}" height="${side}"><rect width="100%" height="100%" rx="${side / 8}"/></svg>`,
  );
  const picture = await squareOf(reference, side);
  return sharp(picture)
    .ensureAlpha()
    .composite([{ input: mask, blend: 'dest-in' }])
    .png()
    .toBuffer();
}

/** HEIC, which Gemini reads and sharp's own build does not, and anything broken show as a plain tile. */
async function squareOf(reference: Buffer, side: number): Promise<Buffer> {
  try {
    return await sharp(reference, { failOn: 'none' })
      .rotate()
      .resize(side, side, { fit: 'cover' })
      .png()
      .toBuffer();
  } catch {
    const plain = { width: side, height: side, channels: 4 as const, background: '#ffffff40' };
    return sharp({ create: plain }).png().toBuffer();
  }
}
