import { z } from 'zod';

/** The environment that every process needs to reach Supabase and Redis. */
export const connectionConfig = {
  SUPABASE_URL: z.url({ protocol: /^https?$/ }).transform(withoutTrailingSlash),
  /** Where callers can fetch images, when that is not where this process reaches Supabase. */
  SUPABASE_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .transform(withoutTrailingSlash)
    .optional(),
  SUPABASE_SERVICE_ROLE_KEY: z.string().min(1),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[\w{}.-]+$/)
    .default('darkroom'),
};

function withoutTrailingSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
