import { z } from 'zod';
import { pageSize } from './history-query.ts';

/** The query of `GET /ai/usage/prompts`. */
export const usagePromptsQuery = z.strictObject({
  limit: pageSize.default(20),
  user_id: z.guid().toLowerCase().optional().meta({ description: 'Of this user only, for admins.' }),
});

const popularPrompt = z
  .strictObject({
    prompt: z.string().meta({
      description:
        'Without capitals, with one space for all white space, and cut after 1,000 characters: prompts that differ in no ' +
        'more than that count as one.',
    }),
    count: z.int().min(0).meta({ description: 'Images that were asked for with it and are not deleted.' }),
    images: z.int().min(0).meta({ description: 'Of those the ones that were made.' }),
    cost_usd: z.number().min(0),
    last_used_at: z.iso.datetime(),
  })
  .meta({ id: 'PopularPrompt' });

export const popularPrompts = z
  .strictObject({ items: z.array(popularPrompt) })
  .meta({ id: 'PopularPromptList' });
export type PopularPrompts = z.infer<typeof popularPrompts>;
