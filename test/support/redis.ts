import { randomUUID } from 'node:crypto';
import { readTestEnvironment } from './test-environment.ts';

/** The Redis that `script/test` started, with a prefix for keys that no other test has. */
export function createTestRedis(): { url: string; prefix: string } {
  return { url: readTestEnvironment().TEST_REDIS_URL, prefix: `test-${randomUUID()}` };
}
