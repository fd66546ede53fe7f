import { z } from 'zod';

/**
 * A text of an answer whose values may become more. Documented as a plain string with `x-extensible-enum`, never as an
 * `enum`: generated clients make a closed type of that, and break on the first new value. The schema itself takes the
 * known values only, so that the tests notice one that is not documented.
 */
export function openText(values: readonly string[], description: string) {
  return z
    .string()
    .refine((text) => values.includes(text), `is none of ${values.join(', ')}`)
    .meta({
      description: `${description} More may come: treat one you do not know like the nearest you do.`,
      'x-extensible-enum': [...values],
    });
}
