-- read_usage: what was used from one day to another, both with: {"total", "groups", "is_complete"}, by the names of p_group_by:
-- 'day', 'user', 'dataset', 'style', 'aspect_ratio', 'quality', 'model', 'status', one of them at least. At most 5,000 groups:
-- by day, within a day and otherwise those with most images first; is_complete: there are no more.
--
-- Each: "accepted", "succeeded", "failed", "canceled", "expired", "removed", "deleted", "regenerations", "calls", "input_tokens",
-- "output_tokens", "total_tokens", "estimated_cost_usd", "cost_usd", "priced_estimate_usd", "unpriced", as 0061 has them, and
-- "queue_p50", "queue_p95", "total_p50", "total_p95" as a usage_bucket, null where none was counted.
--
-- p_filter: {"user_id", "dataset_id", "style", "aspect_ratio", "quality", "model"}, null does not filter. p_user_id is the
-- signed-in user; with p_admin it is everybody, or the filter's user. Only an admin groups by user.
--
-- By status an image counts where it ended, or as 'open'; what is gone with its user as 'removed'. How many were made again, or
-- deleted, only the total tells then.
--
-- Reads counters, and what is not folded into them yet; never an image. Of everybody together there is one counter where each
-- user has their own; by user or dataset those of all users are read, which takes 0.7 s for 100,000.
create or replace function public.read_usage(
  p_user_id uuid, p_from date, p_to date, p_group_by text[], p_filter jsonb default '{}', p_admin boolean default false
) returns jsonb
language plpgsql stable security invoker set search_path = '' set jit = off set enable_incremental_sort = off
as $$
declare
  c_groups constant integer := 5000;
  c_columns constant jsonb := '{"day": "day", "user": "user_id", "dataset": "dataset_id", "style": "style",
    "aspect_ratio": "aspect_ratio", "quality": "quality", "model": "model", "status": "status"}';
  -- What every image counts once as, by its outcome, and what stands with one of them.
  c_outcomes constant text[] := array['succeeded', 'failed', 'canceled', 'expired', 'removed', 'deleted'];
  c_sums constant text[] := array['regenerations', 'calls', 'input_tokens', 'output_tokens', 'total_tokens', 'cost_usd',
    'priced_estimate_usd', 'unpriced'];
  c_accepted constant text := 'select c.*, null::text as status, case c.outcome when ''accepted'' then c.images else 0 end as'
    || ' accepted, case c.outcome when ''accepted'' then c.estimated_cost_usd else 0 end as estimate, true as is_whole'
    || ' from counted c';
  -- What is open is what was accepted less all that ended, group by group.
  c_by_status constant text := 'select c.*, l.* from counted c cross join lateral ('
    || 'select ''open'' as status, c.images as accepted, c.estimated_cost_usd as estimate, false as is_whole'
    || ' where c.outcome = ''accepted'' union all '
    || 'select ''open'', -c.images, -c.estimated_cost_usd, false where c.outcome not in (''accepted'', ''deleted'') union all '
    || 'select c.outcome, c.images, c.estimated_cost_usd, true where c.outcome not in (''accepted'', ''deleted'')) l';
  f record;
  v_is_total boolean;
  v_keys text;
  v_counted text;
  v_sums text;
  v_found jsonb;
  v_answer jsonb := '{}';
begin
  if not p_group_by <@ (select array_agg(k) from jsonb_object_keys(c_columns) k) or cardinality(p_group_by) = 0
    or ('user' = any (p_group_by) and not p_admin)
  then
    raise exception 'cannot be grouped by: %', p_group_by using errcode = '22023';
  end if;
  select * into f from jsonb_to_record(p_filter) as r (
    user_id uuid, dataset_id uuid, style text, aspect_ratio text, quality text, model text
  );
  v_sums := 'coalesce(sum(accepted), 0) as accepted, coalesce(sum(estimate), 0) as estimated_cost_usd'
    || (select string_agg(format(', coalesce(sum(images) filter (where outcome = %1$L and is_whole), 0) as %1$I', o), '')
      from unnest(c_outcomes) o)
    || (select string_agg(format(', coalesce(sum(%1$I) filter (where is_whole), 0) as %1$I', s), '') from unnest(c_sums) s);

  foreach v_is_total in array array[true, false] loop
    v_keys := case when v_is_total then 'is_whole' else (
      select string_agg(quote_ident(c_columns ->> g), ', ' order by place) from unnest(p_group_by) with ordinality u (g, place)
    ) end;
    v_counted := format(
      'select day, nullif(scope, ''00000000-0000-0000-0000-000000000000'') as user_id, dataset_id, style, aspect_ratio, quality,'
      || ' model, outcome, images, %1$s, estimated_cost_usd, queue_times, total_times from public.usage_daily where %2$s %4$s'
      || ' union all '
      || 'select day, user_id, dataset_id, style, aspect_ratio, quality, model, outcome, images, %1$s, estimated_cost_usd,'
      || ' queue_times, total_times from public.usage_deltas d where %3$s %4$s and (batch_id is null'
      || ' or exists (select from public.batches b where b.id = d.batch_id and b.sealed_at is not null))',
      array_to_string(c_sums, ', '),
      case when not p_admin then 'scope = $1'
        when f.user_id is not null then 'scope = $4'
        when f.dataset_id is not null or (p_group_by && array['user', 'dataset'] and not v_is_total)
          then 'scope <> ''ffffffff-ffff-ffff-ffff-ffffffffffff'''
        else 'scope = ''ffffffff-ffff-ffff-ffff-ffffffffffff''' end,
      case when not p_admin then 'user_id = $1' when f.user_id is not null then 'user_id = $4' else 'true' end,
      ' and day between $2 and $3'
        || case when f.dataset_id is not null then ' and dataset_id = $5' else '' end
        || case when f.style is not null then ' and style = $6' else '' end
        || case when f.aspect_ratio is not null then ' and aspect_ratio = $7' else '' end
        || case when f.quality is not null then ' and quality = $8' else '' end
        || case when f.model is not null then ' and model = $9' else '' end
    );
    -- Arrays of the keys are joined, for in those nulls are equal.
    execute format(
      'with counted as not materialized (%1$s), lines as not materialized (%2$s),'
      || ' grouped as (select %3$s, %4$s from lines group by %3$s),'
      || ' shown as (select *, row_number() over (order by %5$s accepted desc, %3$s) as place from grouped'
      || ' where accepted <> 0 or deleted <> 0),'
      || ' times as (select %3$s, t.what, t.class, sum(t.n) as n from lines cross join lateral ('
      || 'select ''queue'' as what, key::integer as class, value::bigint as n from jsonb_each_text(queue_times) union all '
      || 'select ''total'', key::integer, value::bigint from jsonb_each_text(total_times)) t'
      || ' where is_whole and queue_times is not null group by %3$s, t.what, t.class),'
      || ' ranked as (select *, sum(n) over (partition by %3$s, what order by class) / sum(n) over (partition by %3$s, what)'
      || ' as share from times),'
      || ' shares as (select array[%6$s] as keys,'
      || ' min(class) filter (where what = ''queue'' and share >= 0.5) as queue_p50,'
      || ' min(class) filter (where what = ''queue'' and share >= 0.95) as queue_p95,'
      || ' min(class) filter (where what = ''total'' and share >= 0.5) as total_p50,'
      || ' min(class) filter (where what = ''total'' and share >= 0.95) as total_p95 from ranked group by %3$s)'
      || ' select jsonb_build_object(''groups'', coalesce(jsonb_agg('
      || '(to_jsonb(s) - ''place'') || (coalesce(to_jsonb(h), ''{"queue_p50": null, "queue_p95": null, "total_p50": null,'
      || ' "total_p95": null}'') - ''keys'') order by s.place), ''[]''), ''is_complete'', (select count(*) <= $10 from shown))'
      || ' from (select * from shown where place <= $10) s left join shares h on h.keys = array[%6$s]',
      v_counted,
      case when 'status' = any (p_group_by) and not v_is_total then c_by_status else c_accepted end,
      v_keys, v_sums,
      case when 'day' = any (p_group_by) and not v_is_total then 'day, ' else '' end,
      regexp_replace(v_keys, '(\w+)', '\1::text', 'g')
    ) into v_found
    using p_user_id, p_from, p_to, f.user_id, f.dataset_id, f.style, f.aspect_ratio, f.quality, f.model, c_groups;
    v_answer := v_answer || case when v_is_total
      then jsonb_build_object('total', v_found -> 'groups' -> 0 #- '{is_whole}') else v_found end;
  end loop;
  return v_answer;
end
$$;

revoke execute on function public.read_usage(uuid, date, date, text[], jsonb, boolean) from public, anon, authenticated;
grant execute on function public.read_usage(uuid, date, date, text[], jsonb, boolean) to service_role;
