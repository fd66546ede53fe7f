import { z } from 'zod';

/** The path of one image. What is no UUID is no image, a 404. */
export const imagePath = z.object({
  id: z.guid().meta({ description: 'Of the image.' }),
});
