import { z } from 'zod';
import type { ZodOpenApiOverride } from 'zod-openapi';

/**
 * Where the JSON Schema that zod writes would say something else than the API means.
 *
 * A pipe is shown as what comes out of it: what goes in is the text of a query, and `integer` or a list says more than
 * `string` does. Answers may get more fields without notice, so none of them is closed, though the schemas are (for the tests).
 */
export const renderSchema: ZodOpenApiOverride = ({ jsonSchema, zodSchema, io }) => {
  const { def } = zodSchema._zod;
  if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (io === 'input' && def.type === 'pipe' && def.out._zod.def.type !== 'transform') {
    const { $schema: _, ...rendered } = z.toJSONSchema(def.out, { io, override: tidy });
    for (const keyword of ['type', 'pattern', 'format'] as const) delete jsonSchema[keyword];
    Object.assign(jsonSchema, rendered);
  }
  // zod leaves it out where a pipe is below.
  if (io === 'input' && def.type === 'default') jsonSchema.default = def.defaultValue;
  tidy({ jsonSchema });
};

/** Leaves out what says nothing about the API. */
function tidy({
  jsonSchema,
}: {
  jsonSchema: { format?: string; pattern?: string; minimum?: number; maximum?: number };
}): void {
  // zod writes JavaScript's limits at every integer.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  // The format says the same, and can be read.
  if (jsonSchema.format === 'uuid' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
}
