/** The image models the simulator knows, with what Gemini documents about each (as of November 2026). */

export type ImageSize = '512' | '1K' | '2K' | '4K';

export type Pixels = readonly [width: number, height: number];

export type ImageModel = {
  id: string;
  /** Output tokens of one image, by size. A size that is not listed is refused. */
  imageTokens: Partial<Record<ImageSize, number>>;
  /** Pixels of every supported aspect ratio at 1K. */
  pixelsAt1K: Readonly<Record<string, Pixels>>;
  /** False for the one model that refuses a request with `imageSize`. */
  acceptsSize: boolean;
  /** Whether answers carry thought tokens and thought signatures. */
  thinks: boolean;
  /** Prompt tokens that one reference image costs. */
  referenceTokens: number;
};

const COMMON_RATIOS: Record<string, Pixels> = {
  '1:1': [1024, 1024],
  '2:3': [848, 1264],
  '3:2': [1264, 848],
  '3:4': [896, 1200],
  '4:3': [1200, 896],
  '4:5': [928, 1152],
  '5:4': [1152, 928],
  '9:16': [768, 1376],
  '16:9': [1376, 768],
  '21:9': [1584, 672],
};

const FLASH_RATIOS: Record<string, Pixels> = {
  ...COMMON_RATIOS,
  '1:4': [512, 2048],
  '4:1': [2048, 512],
  '1:8': [384, 3072],
  '8:1': [3072, 384],
};

const RATIOS_OF_2_5: Record<string, Pixels> = {
  '1:1': [1024, 1024],
  '2:3': [832, 1248],
  '3:2': [1248, 832],
  '3:4': [864, 1184],
  '4:3': [1184, 864],
  '4:5': [896, 1152],
  '5:4': [1152, 896],
  '9:16': [768, 1344],
  '16:9': [1344, 768],
  '21:9': [1536, 672],
};

const FLASH = { pixelsAt1K: FLASH_RATIOS, acceptsSize: true, thinks: true, referenceTokens: 1120 };

const MODELS: readonly ImageModel[] = [
  { ...FLASH, id: 'gemini-nano-banana-2.1', imageTokens: { '1K': 1120, '2K': 1680, '4K': 3770 } },
  {
    id: 'gemini-3-pro-image',
    imageTokens: { '1K': 1120, '2K': 1120, '4K': 2000 },
    pixelsAt1K: COMMON_RATIOS,
    acceptsSize: true,
    thinks: true,
    referenceTokens: 560,
  },
  // Google documents ten ratios for Lite; the live model takes all fourteen.
  { ...FLASH, id: 'gemini-3.1-flash-lite-image', imageTokens: { '1K': 1120 } },
  {
    ...FLASH,
    id: 'gemini-3.1-flash-image',
    imageTokens: { '512': 747, '1K': 1120, '2K': 1680, '4K': 2520 },
  },
  {
    id: 'gemini-2.5-flash-image',
    imageTokens: { '1K': 1290 },
    pixelsAt1K: RATIOS_OF_2_5,
    acceptsSize: false,
    thinks: false,
    referenceTokens: 1120,
  },
];

const BY_ID = new Map(MODELS.map((model) => [model.id, model]));

const SCALE: Record<ImageSize, number> = { '512': 0.5, '1K': 1, '2K': 2, '4K': 4 };

/** The model with this id, or undefined: retired and unknown ids alike, as Gemini answers both with one 404. */
export function findModel(id: string): ImageModel | undefined {
  return BY_ID.get(id);
}

/** Pixels of an image in this ratio and size, or undefined when the model does not support the ratio. */
export function pixelsOf(model: ImageModel, ratio: string, size: ImageSize): Pixels | undefined {
  if (!Object.hasOwn(model.pixelsAt1K, ratio)) return undefined;
  const [width, height] = model.pixelsAt1K[ratio] ?? [0, 0];
  return [width * SCALE[size], height * SCALE[size]];
}
