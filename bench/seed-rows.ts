import type { BenchStack } from './bench-stack.ts';

const MODEL = 'gemini-nano-banana-2.1';

/**
 * Writes `count` rows that wait, `users` callers' in turn, as submit_generations does: each is counted in its lane. They
 * share one real user, or nobody: lanes are what release looks at.
 */
export async function seedWaiting(
  stack: BenchStack,
  { count, users, prompt = 'A red bicycle' }: { count: number; users: number; prompt?: string },
): Promise<void> {
  await inPages(count, 50_000, (from, to) =>
    stack.sql(
      `insert into public.generated_images
         (id, prompt, full_prompt, aspect_ratio, quality, resolution, model, lane_key, status, completed_at, deadline_at)
       select ${UUID_OF('n')}, $4, $4, '1:1', 'standard', '1K', $5, 'user:' || n % $3::bigint, 'pending', null,
         now() + interval '1 day'
       from generate_series($1::bigint, $2::bigint) n`,
      [from, to, users, prompt, MODEL],
    ),
  );
  await stack.sql(
    `insert into public.lanes (lane_key, model, waiting)
     select lane_key, model, count(*) from public.generated_images
     where status = 'pending' and released_at is null and not_before is null group by 1, 2
     on conflict (lane_key, model) do update set waiting = excluded.waiting`,
  );
  await stack.sql('analyze public.generated_images, public.lanes');
}

/** Writes `count` images that `userId` has, made one after another. */
export async function seedHistory(stack: BenchStack, userId: string, count: number): Promise<void> {
  await inPages(count, 50_000, (from, to) =>
    stack.sql(
      `insert into public.generated_images
         (id, user_id, prompt, full_prompt, image_url, storage_path, aspect_ratio, quality, resolution, model, lane_key, status,
          created_at, completed_at, deadline_at)
       select ${UUID_OF('n')}, $3::uuid, 'A red bicycle ' || n, 'A red bicycle ' || n, 'https://example.com/' || n, 'x/' || n, '1:1',
         'standard', '1K', $4, 'user:' || $3::uuid, 'succeeded', now() - n * interval '1 second', now(), now()
       from generate_series($1::bigint, $2::bigint) n`,
      [from, to, userId, MODEL],
    ),
  );
  await stack.sql('analyze public.generated_images');
}

/** Version 7 by its shape, and in the order of the number, which is what matters to the indexes. */
const UUID_OF = (
  n: string,
) => `('01900000-' || lpad(to_hex(${n} >> 12), 4, '0') || '-7' || lpad(to_hex(${n} & 4095), 3, '0') ||
  '-8000-' || substr(md5(${n}::text), 1, 12))::uuid`;

async function inPages(count: number, page: number, write: (from: number, to: number) => Promise<unknown>) {
  for (let from = 1; from <= count; from += page) await write(from, Math.min(count, from + page - 1));
}
