import { z } from 'zod';

/** What a function that answers one row or none came to. Null: no row. */
export async function one<T>(schema: z.ZodType<T>, rows: Promise<unknown>): Promise<T | null> {
  return z.array(schema).parse(await rows)[0] ?? null;
}
