import sharp, { type Sharp } from 'sharp';

/** Points each way on which the gradient is computed. Enlarging so few leaves no steps that the eye can see. */
const GRID = 12;
const BLOBS = 6;

type Blob = { x: number; y: number; reach: number; colour: readonly [number, number, number] };

/**
 * A soft gradient of a few neighbouring hues, chosen by `random`.
 * Dark enough everywhere for white text.
 */
export function paintBackdrop(random: () => number, width: number, height: number): Sharp {
  const blobs = chooseBlobs(random, width / height);
  const pixels = Buffer.alloc(GRID * GRID * 3);
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const x = (column / (GRID - 1)) * stretch(width / height);
      const y = (row / (GRID - 1)) * stretch(height / width);
      pixels.set(blend(blobs, x, y), (row * GRID + column) * 3);
    }
  }
  const grid = { raw: { width: GRID, height: GRID, channels: 3 as const } };
  return sharp(pixels, grid).resize(width, height, { fit: 'fill', kernel: 'cubic' });
}

/** Keeps blobs round: the longer side of the picture is more than one unit long. */
function stretch(ratio: number): number {
  return Math.max(1, ratio);
}

function chooseBlobs(random: () => number, ratio: number): Blob[] {
  const hue = random() * 360;
  return Array.from({ length: BLOBS }, () => ({
    x: random() * stretch(ratio),
    y: random() * stretch(1 / ratio),
    reach: (0.14 + random() * 0.16) * Math.sqrt(stretch(ratio) * stretch(1 / ratio)),
    colour: rgbOf(hue + (random() - 0.5) * 120, 0.6 + random() * 0.25, 0.16 + random() * 0.28),
  }));
}

function blend(blobs: Blob[], x: number, y: number): number[] {
  const weights = blobs.map(
    (blob) => Math.exp(-((x - blob.x) ** 2 + (y - blob.y) ** 2) / (2 * blob.reach ** 2)) + 1e-9,
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return [0, 1, 2].map((channel) =>
    Math.round(
      blobs.reduce((total, blob, at) => total + ((blob.colour[channel] ?? 0) * (weights[at] ?? 0)) / sum, 0),
    ),
  );
}

/** HSL to 8-bit RGB by the formula of CSS Color 4. */
function rgbOf(hue: number, saturation: number, lightness: number): [number, number, number] {
  const channel = (offset: number) => {
    const k = (offset + (((hue % 360) + 360) % 360) / 30) % 12;
    const swing = saturation * Math.min(lightness, 1 - lightness);
    return 255 * (lightness - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}
