type Sql = <Row extends object>(statement: string, params?: unknown[]) => Promise<Row[]>;

/** From now on this database keeps what is deleted from generated_images, so that it can be counted again. */
export async function keepGoneImages(sql: Sql): Promise<void> {
  await sql(`
    create schema if not exists recount;
    create table recount.gone as table public.generated_images with no data;
    create function recount.keep() returns trigger language plpgsql security definer set search_path = ''
      as $$ begin insert into recount.gone select old.*; return null; end $$;
    create trigger recount_keep after delete on public.generated_images for each row execute function recount.keep()`);
}

const KEY = 'day, user_id, dataset_id, style, aspect_ratio, quality, model, outcome';
const SUMS = `sum(images)::int as images, sum(regenerations)::int as regenerations, sum(calls)::int as calls,
  sum(input_tokens)::int as input_tokens, sum(output_tokens)::int as output_tokens, sum(total_tokens)::int as total_tokens,
  sum(estimated_cost_usd)::float8 as estimated_cost_usd, sum(cost_usd)::float8 as cost_usd,
  sum(priced_estimate_usd)::float8 as priced_estimate_usd, sum(unpriced)::int as unpriced`;

/** Every image that ever counted, by each of its outcomes: what the counters have to come to, told from the rows alone. */
const RECOUNTED = `
  select (g.created_at at time zone 'UTC')::date::text as day, g.user_id, coalesce(g.usage_dataset_id, g.dataset_id) as dataset_id,
    g.style, g.aspect_ratio, g.quality, g.model, o.outcome, 1 as images,
    case when o.outcome = 'accepted' and g.parent_id is not null then 1 else 0 end as regenerations,
    case when o.ends then g.billable_calls else 0 end as calls,
    case when o.ends then coalesce((g.usage ->> 'input_tokens')::int, 0) else 0 end as input_tokens,
    case when o.ends then coalesce((g.usage ->> 'output_tokens')::int, 0) else 0 end as output_tokens,
    case when o.ends then coalesce((g.usage ->> 'total_tokens')::int, 0) else 0 end as total_tokens,
    case when o.outcome <> 'deleted' then coalesce(g.estimated_cost_usd, 0) else 0 end as estimated_cost_usd,
    case when o.ends then coalesce(g.cost_usd, 0) else 0 end as cost_usd,
    case when o.ends and g.cost_usd is not null then coalesce(g.estimated_cost_usd, 0) else 0 end as priced_estimate_usd,
    case when o.ends and g.cost_usd is null and (g.billable_calls > 0 or g.status = 'succeeded') then 1 else 0 end as unpriced,
    case when o.ends and g.started_at is not null
      then floor(ln(greatest(extract(epoch from g.started_at - g.created_at)::float8 * 1000, 1)) / ln(1.2::float8)) end as queue_time,
    case when o.outcome = 'succeeded' and g.started_at is not null
      then floor(ln(greatest(extract(epoch from g.completed_at - g.created_at)::float8 * 1000, 1)) / ln(1.2::float8)) end as total_time
  from (select *, false as is_gone from public.generated_images union all select *, true from recount.gone) g
  cross join lateral (
    select 'accepted' as outcome, false as ends
    union all select g.status, true where g.status not in ('pending', 'processing')
    union all select 'removed', true where g.is_gone and g.status in ('pending', 'processing')
    union all select 'deleted', false where g.deleted_at is not null
  ) o
  where g.batch_id is null or exists (select from public.batches b where b.id = g.batch_id and b.sealed_at is not null)`;

/** The counters of users, with what is not folded yet. */
const COUNTED = `
  select day::text, nullif(scope, '00000000-0000-0000-0000-000000000000') as user_id, dataset_id, style, aspect_ratio,
    quality, model, outcome, images, regenerations, calls, input_tokens, output_tokens, total_tokens, estimated_cost_usd,
    cost_usd, priced_estimate_usd, unpriced, queue_times, total_times
  from public.usage_daily where scope <> 'ffffffff-ffff-ffff-ffff-ffffffffffff'
  union all
  select day::text, user_id, dataset_id, style, aspect_ratio, quality, model, outcome, images, regenerations, calls,
    input_tokens, output_tokens, total_tokens, estimated_cost_usd, cost_usd, priced_estimate_usd, unpriced, queue_times,
    total_times
  from public.usage_deltas d
  where d.batch_id is null or exists (select from public.batches b where b.id = d.batch_id and b.sealed_at is not null)`;

const countsOf = (rows: string) => `select ${KEY}, ${SUMS} from (${rows}) r group by ${KEY}`;
const timesOf = (rows: string, what: string) => `
  select '${what}' as what, outcome, ${what}_time::text as bucket, count(*)::int as n from (${rows}) r
  where ${what}_time is not null group by 2, 3`;
const countedTimesOf = (rows: string, what: string) => `
  select '${what}' as what, outcome, t.key as bucket, sum(t.value::int)::int as n
  from (${rows}) r cross join lateral jsonb_each_text(r.${what}_times) t group by 2, 3`;

/** What the counters say that the rows do not, and the other way round: nothing, where every image is counted once. */
export async function findMiscounts(sql: Sql): Promise<string[]> {
  const differences = await Promise.all([
    compare(sql, countsOf(COUNTED), countsOf(RECOUNTED)),
    ...(['queue', 'total'] as const).map((what) =>
      compare(sql, countedTimesOf(COUNTED, what), timesOf(RECOUNTED, what)),
    ),
    // What is counted for everybody together is what is counted for each.
    compare(
      sql,
      `select day, style, model, outcome, sum(images)::int as images, sum(cost_usd)::float8 as cost from public.usage_daily
       where scope = 'ffffffff-ffff-ffff-ffff-ffffffffffff' group by 1, 2, 3, 4`,
      `select day, style, model, outcome, sum(images)::int as images, sum(cost_usd)::float8 as cost from public.usage_daily
       where scope <> 'ffffffff-ffff-ffff-ffff-ffffffffffff' group by 1, 2, 3, 4`,
    ),
  ]);
  return differences.flat();
}

/** As findMiscounts, of the prompts of images that are not deleted; all deltas have to be folded by then. */
export function findMiscountedPrompts(sql: Sql): Promise<string[]> {
  const owners = `(coalesce(g.user_id, '00000000-0000-0000-0000-000000000000')), ('ffffffff-ffff-ffff-ffff-ffffffffffff')`;
  return compare(
    sql,
    `select owner, prompt, uses::int, images::int, cost_usd::float8 from public.prompt_counts`,
    `select o.owner, lower(trim(regexp_replace(g.prompt, '[ \t\n]+', ' ', 'g'))) as prompt, count(*)::int as uses,
       (count(*) filter (where g.status = 'succeeded'))::int as images,
       coalesce(sum(g.cost_usd) filter (where g.status not in ('pending', 'processing')), 0)::float8 as cost_usd
     from public.generated_images g cross join lateral (values ${owners}) o (owner)
     where g.deleted_at is null
       and (g.batch_id is null or exists (select from public.batches b where b.id = g.batch_id and b.sealed_at is not null))
     group by 1, 2`,
  );
}

async function compare(sql: Sql, counted: string, expected: string): Promise<string[]> {
  const rows = await sql<{ side: string; row: unknown }>(`
    with counted as (${counted}), expected as (${expected})
    select 'counted' as side, to_jsonb(c) as row from (select * from counted except select * from expected) c
    union all
    select 'rows say', to_jsonb(e) from (select * from expected except select * from counted) e`);
  return rows.map(({ side, row }) => `${side} ${JSON.stringify(row)}`);
}
