import type { DatasetContext } from '../shared/dataset-store.ts';

/**
 * What the known styles say to the model. Another style is named to it as it is. The text as composed is kept on the
 * row, so that changing a preset changes no image that was asked for before.
 */
export const STYLES: Readonly<Record<string, string>> = {
  photorealistic: 'Photorealistic, natural light, fine detail, true to life',
  illustration: 'Editorial illustration, clear shapes, considered palette',
  watercolor: 'Watercolor on textured paper, soft edges, visible pigment',
  'line-art': 'Clean line art, even strokes, white background',
  '3d-render': '3D render, soft studio light, physically based materials',
  anime: 'Anime, cel shading, expressive composition',
  minimalist: 'Minimalist, few elements, generous empty space',
  cinematic: 'Cinematic still, dramatic light, shallow depth of field',
};

/** The prompt as the model gets it: `Brand: Coffee Co. Vibe: cozy. … Modern coffee shop interior`. */
export function composePrompt(request: {
  prompt: string;
  style: string | null;
  dataset: Pick<DatasetContext, 'brand' | 'vibe' | 'unique_visual_elements'> | null;
}): string {
  const { dataset, style } = request;
  return [
    sentence('Brand', dataset?.brand),
    sentence('Vibe', dataset?.vibe),
    sentence('Visual elements', visualElements(dataset?.unique_visual_elements)),
    sentence('Style', style && (Object.hasOwn(STYLES, style) ? STYLES[style] : style)),
    request.prompt.trim(),
  ]
    .filter(Boolean)
    .join(' ');
}

function sentence(label: string, content: string | null | undefined): string {
  const text = content?.trim().replace(/\.+$/, '');
  return text ? `${label}: ${text}.` : '';
}

/** A list of strings; older datasets also have an object of them. */
function visualElements(value: unknown): string {
  const list = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return list.filter((element) => typeof element === 'string').join(', ');
}
