import { randomUUID } from 'node:crypto';
import type { SqlDatabase } from './sql-database.ts';

/**
 * 200,000 images of 2,000 users, in which what a planner takes for independent is not: `big` has 50,000, none of them
 * in `oil` or of `othersDataset`, which half of the others are; `former` has 5,000, all a year older than the rest;
 * 10,000 are of no user. A batch and a lineage of 400 each belong to `big`.
 */
export async function fillHistory(db: SqlDatabase) {
  const [big, former, dataset, othersDataset] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const [batch, root] = [randomUUID(), '00000000-0000-0000-0000-000000000004'];
  const userOf = (n: string) => `('00000000-0000-4000-8000-' || lpad((${n} % 2000)::text, 12, '0'))::uuid`;
  await db.sql('insert into public.datasets (id) select unnest($1::uuid[])', [[dataset, othersDataset]]);
  await db.sql(
    `insert into auth.users (id) select ${userOf('n')} from generate_series(0, 1999) n
     union all select unnest($1::uuid[])`,
    [[big, former]],
  );
  const client = await db.connect({ asOwner: true });
  // Triggers and foreign keys would take most of the time.
  await client.query('set session_replication_role = replica');
  await client.query(
    `insert into public.generated_images (
       id, user_id, prompt, full_prompt, style, model, dataset_id, batch_id, root_id, metadata, created_at,
       status, image_url, error_code
     )
     select i.id,
       case kind when 'big' then $1::uuid when 'former' then $2::uuid when 'other' then ${userOf('n')} end,
       'a cat', 'a cat',
       case when kind <> 'big' and n % 2 = 1 then 'oil' else 'photo' end,
       case n % 3 when 0 then 'model-a' else 'model-b' end,
       case when kind = 'big' and n % 12 = 0 or n % 25 = 0 then $3::uuid when kind <> 'big' and n % 2 = 1 then $4::uuid end,
       case when kind = 'big' and n between 100001 and 101600 then $5::uuid end,
       case when kind = 'big' and n < 1600 then $6::uuid else i.id end,
       jsonb_build_object('row', n::text),
       '2026-01-01'::timestamptz - n * interval '1 minute' - case kind when 'former' then interval '1 year' else '0' end,
       case when n % 1000 = 0 then 'failed' else 'succeeded' end,
       case when n % 1000 <> 0 then 'u' end, case when n % 1000 = 0 then 'internal' end
     from generate_series(1, 200000) n cross join lateral (
       select lpad(to_hex(n), 32, '0')::uuid as id, case
         when n % 4 = 0 then 'big' when n % 40 = 1 then 'former' when n % 20 = 2 then null else 'other' end as kind
     ) i`,
    [big, former, dataset, othersDataset, batch, root],
  );
  await client.query('reset session_replication_role');
  client.release();
  await db.sql('vacuum analyze public.generated_images');
  const ids = Array.from({ length: 100 }, (_, index) =>
    ((index + 1) * 2000)
      .toString(16)
      .padStart(32, '0')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  );
  return {
    ...{ big, former, dataset, othersDataset, batch, root, ids },
    small: '00000000-0000-4000-8000-000000000003',
    day: ['2025-11-01T00:00:00Z', '2025-11-02T00:00:00Z'] as const,
  };
}
