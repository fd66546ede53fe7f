import { z } from 'zod';
import { USAGE_KEYS, type UsageKey } from '../shared/usage-store.ts';
import { LIMITS, storableText } from './generate-request.ts';

export const MOST_DAYS = 366;
/** Of everybody's counters, which are as many as there are users. */
export const MOST_DAYS_OF_ALL = 31;
const MOST_KEYS = 3;

const day = z.iso
  .date({ error: 'is no day like 2026-11-27' })
  .refine((text) => text >= '2000' && text < '3000', 'is no day of this millennium or the last');
const name = (most: number) => storableText.min(1).max(most).optional();

/** The query of `GET /ai/usage`; which span a caller may ask for is judged beside it. */
export const usageQuery = z.strictObject({
  from: day.optional().meta({ description: 'The first UTC day; 29 days before `to` when not given.' }),
  to: day.optional().meta({ description: 'The last UTC day, with it; today when not given.' }),
  group_by: z
    .string()
    .default('day')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(Object.keys(USAGE_KEYS) as UsageKey[])).max(MOST_KEYS))
    .refine((keys) => new Set(keys).size === keys.length, 'names one twice')
    .meta({
      description: `At most ${MOST_KEYS} of ${Object.keys(USAGE_KEYS).join(', ')}; \`user\` is for admins.`,
      param: { style: 'form', explode: false },
    }),
  user_id: z.guid().toLowerCase().optional().meta({ description: 'Of this user only, for admins.' }),
  dataset_id: z.guid().toLowerCase().optional(),
  style: name(LIMITS.style_characters),
  aspect_ratio: name(10),
  quality: name(20),
  model: name(100),
});

const count = z.int().min(0);
const usd = z.number();
const milliseconds = count.nullable();

const figures = {
  accepted: count,
  succeeded: count,
  failed: count,
  canceled: count,
  expired: count,
  open: count.meta({ description: 'Neither ended nor removed yet.' }),
  removed: count.meta({ description: 'Gone with their user before they ended.' }),
  deleted: count.meta({ description: 'By their owner, however they had ended. They stay counted.' }),
  images: count.meta({ description: 'That were made: as many as `succeeded`.' }),
  regenerations: count.meta({ description: 'Of the accepted those that were made from another one again.' }),
  success_rate: z.number().min(0).max(1).nullable().meta({
    description: 'Of those that succeeded, failed or expired. Null when none has.',
  }),
  calls: count.meta({ description: 'Calls of the model that may have been billed.' }),
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  estimated_cost_usd: usd.meta({ description: 'Of all that were accepted, at the list price of an image.' }),
  cost_usd: usd.meta({
    description:
      'By the tokens that calls have reported, drafts and thoughts among them, also of images that failed.',
  }),
  cost_difference_usd: usd.meta({
    description: '`cost_usd` less what the same images, those whose cost is known, were estimated at.',
  }),
  unpriced_images: count.meta({
    description:
      'That may have cost something of which nobody knows how much, as after a call that never answered.',
  }),
  queue_ms_p50: milliseconds.meta({
    description: 'Until a worker took it; this and the other times are at most 10 % off.',
  }),
  queue_ms_p95: milliseconds,
  total_ms_p50: milliseconds.meta({ description: 'From accepted to made, of those that succeeded.' }),
  total_ms_p95: milliseconds,
};
export const FIGURES = Object.keys(figures) as (keyof typeof figures)[];

export const usageFigures = z.strictObject(figures).meta({ id: 'UsageFigures' });
export type UsageFigures = z.infer<typeof usageFigures>;

const usageGroup = z
  .strictObject({
    key: z
      .strictObject({
        day: z.iso.date().optional().meta({ description: 'The UTC day on which it was accepted.' }),
        user_id: z.guid().nullish(),
        dataset_id: z.guid().nullish().meta({ description: 'Also one that was deleted since.' }),
        style: z.string().nullish().meta({
          description: '`(other)`: beyond 500 a day in own words, which count together.',
        }),
        aspect_ratio: z.string().nullish(),
        quality: z.string().nullish(),
        model: z.string().nullish(),
        status: z.string().optional().meta({ description: '`open`, `removed`, or a final status.' }),
      })
      .meta({ description: 'What `group_by` names.' }),
    ...figures,
  })
  .meta({ id: 'UsageGroup' });
export type UsageGroupRecord = z.infer<typeof usageGroup>;

export const usageRecord = z
  .strictObject({
    from: z.iso.date(),
    to: z.iso.date(),
    group_by: z.array(z.string()),
    total: usageFigures,
    groups: z.array(usageGroup),
    is_complete: z.boolean().meta({ description: 'False: there are more than these 5,000 groups.' }),
  })
  .meta({ id: 'Usage' });
export type UsageRecord = z.infer<typeof usageRecord>;
