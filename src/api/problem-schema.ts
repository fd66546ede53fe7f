import { z } from 'zod';
import { API_ERRORS } from './api-error.ts';
import { openText } from './open-text.ts';

const fieldError = z.strictObject({
  pointer: z.string().meta({
    description:
      'An RFC 6901 pointer into the body; `?name` for a query parameter; the name of a header as it is.',
  }),
  code: z.string(),
  detail: z.string(),
});

/** RFC 9457 problem details: the body of every refusal. */
export const problemDetails = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'The path that was asked for, or the resource it is about.' }),
    code: openText(Object.keys(API_ERRORS), 'What to decide by.'),
    retryable: z.boolean().meta({ description: 'Whether the same request may do better later.' }),
    retry_after_seconds: z.int().nullable(),
    request_id: z.string(),
    errors: z.array(fieldError).meta({ description: 'Every bad field at once; empty for other refusals.' }),
  })
  .meta({ id: 'Problem' });

export type ProblemDetails = z.infer<typeof problemDetails>;
