import { z } from 'zod';
import { usageSchema, warningSchema } from './generation.ts';

/** What the row needs of an image, kept with the object so that an adopted image is complete. */
export const imageMetadataSchema = z.object({
  model: z.string(),
  width: z.int(),
  height: z.int(),
  sha256: z.string(),
  mime_type: z.string(),
  cost_usd: z.number(),
  upstream_ms: z.number(),
  usage: usageSchema.nullable(),
  warnings: z.array(warningSchema),
});
export type ImageMetadata = z.infer<typeof imageMetadataSchema>;

/** Null for an object that was not stored here. */
export function parseMetadata(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : null;
  } catch {
    // Not our JSON is not our object; whoever asks sees to that.
    return null;
  }
}
