import { z } from 'zod';

const schema = z.object({
  TEST_POSTGRES_URL: z.url(),
  TEST_REDIS_URL: z.url(),
  TEST_TEMPLATE: z.string().min(1),
});

/** What `test/run.ts` tells the test files about its servers. */
export type TestEnvironment = z.infer<typeof schema>;

/** Throws with the way out when a test file runs without its servers. */
export function readTestEnvironment(): TestEnvironment {
  const parsed = schema.safeParse(process.env);
  if (parsed.success) return parsed.data;
  throw new Error('This test needs Postgres and Redis: run it with `script/test <file>`, which starts them.');
}

const givenSchema = z.object({
  url: z.url(),
  anonKey: z.string().min(1),
  serviceRoleKey: z.string().min(1),
  jwtSecret: z.string().min(32),
  /** As the owner of everything in it. */
  databaseUrl: z.url(),
});

/** A Supabase that is there already. */
export type GivenSupabase = z.infer<typeof givenSchema>;

/** The one that this run is on; null for the embedded one. */
export function readGivenSupabase(): GivenSupabase | null {
  const given = process.env.TEST_SUPABASE;
  return given === undefined ? null : givenSchema.parse(JSON.parse(given));
}

/** For `TEST_SUPABASE`, by which the test files hear of it. */
export function writeGivenSupabase(given: GivenSupabase): string {
  return JSON.stringify(givenSchema.parse(given));
}
