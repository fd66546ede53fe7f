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
