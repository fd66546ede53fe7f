import type { z } from 'zod';
import { ApiError, type FieldError } from './api-error.ts';

/** What the body says, or null with every field of it that is not valid, by its pointer. */
export function readBody<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
): { data: z.output<Schema> | null; errors: FieldError[] } {
  // Without its input an issue does not tell a field that is missing from one of the wrong type.
  const parsed = schema.safeParse(body, { reportInput: true });
  if (parsed.success) return { data: parsed.data, errors: [] };
  return { data: null, errors: toFieldErrors(parsed.error, pointerOf) };
}

/**
 * The query as its schema reads it.
 *
 * @param more errors of what the schema does not read, to be told with them
 * @throws ApiError validation_failed that names every bad field as `?name`
 */
export function parseQuery<Schema extends z.ZodType>(
  schema: Schema,
  query: unknown,
  { more = [] }: { more?: FieldError[] } = {},
): z.output<Schema> {
  const parsed = schema.safeParse(query, { reportInput: true });
  const errors = parsed.success ? [] : toFieldErrors(parsed.error, ([name]) => `?${String(name)}`);
  if (parsed.success && more.length === 0) return parsed.data;
  throw validationFailed([...errors, ...more]);
}

export function validationFailed(errors: FieldError[]): ApiError {
  const fields = errors.map(({ pointer }) => pointer || 'the body').join(', ');
  return new ApiError('validation_failed', `Not valid: ${fields}.`, { errors });
}

function toFieldErrors(error: z.ZodError, toPointer: (path: PropertyKey[]) => string): FieldError[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: toPointer([...issue.path, key]),
        code: 'unknown_field',
        detail: 'There is no such field.',
      }));
    }
    const missing = issue.code === 'invalid_type' && issue.input === undefined;
    return [
      {
        pointer: toPointer(issue.path),
        code: missing ? 'required' : codeOf(issue),
        detail: missing ? 'This field is required.' : issue.message,
      },
    ];
  });
}

/** zod calls whatever its own checks do not know `custom`, which tells a client nothing; such a check may name a code. */
function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'custom') return issue.code;
  return typeof issue.params?.code === 'string' ? issue.params.code : 'invalid_value';
}

/** RFC 6901. */
export const pointerOf = (path: PropertyKey[]) => path.map((key) => `/${escapeKey(key)}`).join('');

const escapeKey = (key: PropertyKey) => String(key).replaceAll('~', '~0').replaceAll('/', '~1');
