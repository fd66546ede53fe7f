import { z } from 'zod';
import { STATUSES } from '../shared/generation.ts';
import type { FieldError } from './api-error.ts';
import { cursor } from './cursor.ts';
import { LIMITS, storableText } from './generate-request.ts';

/** Deeper than this, a page is asked for by its cursor. */
const DEEPEST_OFFSET = 10_000;
export const MOST_IDS = 100;
const METADATA = 'metadata.';

const whole = z
  .string()
  .regex(/^-?\d{1,9}$/, 'is no whole number')
  .transform(Number);
/** How many items a page has. */
export const pageSize = whole.pipe(z.int().min(1).max(100));
const list = z.string().transform((text) => text.split(','));
/** How OpenAPI calls a comma list. */
const COMMA_LIST = { param: { style: 'form', explode: false } } as const;
/** PostgreSQL knows no year 0, and no clock that is sixteen hours off. */
const time = z.iso
  .datetime({ offset: true, error: 'is no RFC 3339 time' })
  .refine((text) => !/^0000|[+-](?:1[6-9]|2\d):\d\d$/.test(text), 'is a time that cannot be looked for');

/** The query of `GET /ai/generated-images`, without its `metadata.<key>` filters, whose names are the caller's. */
export const historyQuery = z.strictObject({
  limit: pageSize.optional().meta({ description: '50 when not given, or as many as `ids` names.' }),
  offset: whole.pipe(z.int().min(0).max(DEEPEST_OFFSET)).default(0),
  cursor: cursor.optional(),
  order: z.enum(['desc', 'asc']).default('desc'),
  include_total: z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'sensitive' }).default(false),
  status: list
    .pipe(z.array(z.enum(STATUSES)).max(STATUSES.length))
    .optional()
    .meta(COMMA_LIST),
  ids: list.pipe(z.array(z.guid()).max(MOST_IDS)).optional().meta(COMMA_LIST),
  dataset_id: z.guid().optional(),
  batch_id: z.guid().optional(),
  root_id: z.guid().optional(),
  user_id: z.guid().optional(),
  style: storableText.min(1).max(LIMITS.style_characters).optional(),
  model: storableText.min(1).max(100).optional(),
  created_after: time.optional(),
  created_before: time.optional(),
  q: storableText.trim().min(1).max(200).optional(),
});

/**
 * Takes the filters `metadata.<key>=<value>` out of a query. `errors` names those that are none, to be told with what is
 * wrong with the rest.
 */
export function readMetadataFilter(query: Record<string, unknown>): {
  metadata: Record<string, string> | null;
  rest: Record<string, unknown>;
  errors: FieldError[];
} {
  const [own, rest] = [new Map<string, string>(), new Map<string, unknown>()];
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (!name.startsWith(METADATA)) rest.set(name, value);
    else {
      const text = storableText.max(500).safeParse(value);
      const key = storableText.min(1).max(64).safeParse(name.slice(METADATA.length));
      if (text.success && key.success) own.set(key.data, text.data);
      else {
        const detail = 'is no key of metadata with one text';
        errors.push({ pointer: `?${name}`, code: 'invalid_format', detail });
      }
    }
  }
  const metadata = own.size > 0 ? Object.fromEntries(own) : null;
  return { metadata, rest: Object.fromEntries(rest), errors };
}
