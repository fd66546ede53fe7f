-- fold_usage: deltas -> counters, at most p_limit of the oldest. Answers how many; as many as p_limit: ask again. One at a time:
-- who comes meanwhile folds nothing.
--
-- A style may be in anybody's own words. Of more than 500 in a day of one scope the later ones count together, as
-- '(other)'; whatever counts for an image counts for one of the two.
create or replace function public.fold_usage(p_limit integer default 5000) returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  c_styles constant integer := 500;
  v_taken integer;
begin
  if not pg_try_advisory_xact_lock(727001, 4) then
    return 0;
  end if;
  with taken as (
    delete from public.usage_deltas d where d.id in (
      select c.id from public.usage_deltas c
      where c.batch_id is null
        or not exists (select from public.batches b where b.id = c.batch_id and b.sealed_at is null)
      order by c.id limit p_limit
    )
    returning *
  ),
  spread as (
    select s.scope, s.of_dataset, t.*
    from taken t cross join lateral (values
      (coalesce(t.user_id, '00000000-0000-0000-0000-000000000000'), t.dataset_id),
      ('ffffffff-ffff-ffff-ffff-ffffffffffff', null)
    ) s (scope, of_dataset)
    where t.batch_id is null or exists (select from public.batches b where b.id = t.batch_id)
  ),
  found as (
    select s.scope, s.day, s.style, min(s.id) as first_id,
      exists (select from public.usage_daily u where u.scope = s.scope and u.day = s.day and u.style = s.style) as is_known
    from spread s where s.style is not null group by 1, 2, 3
  ),
  styles as (
    select f.scope, f.day, f.style,
      f.is_known or row_number() over (partition by f.scope, f.day, f.is_known order by f.first_id) + (
        select count(distinct u.style) from public.usage_daily u where u.scope = f.scope and u.day = f.day
      ) <= c_styles as is_kept
    from found f
  ),
  folded as (
    insert into public.usage_daily as u
    select s.scope, s.day, case when y.is_kept is false then '(other)' else s.style end, s.of_dataset, s.aspect_ratio,
      s.quality, s.model, s.outcome, sum(s.images), sum(s.regenerations), sum(s.calls), sum(s.input_tokens),
      sum(s.output_tokens), sum(s.total_tokens), sum(s.estimated_cost_usd), sum(s.cost_usd), sum(s.priced_estimate_usd),
      sum(s.unpriced), public.sum_counts(array_agg(s.queue_times) filter (where s.queue_times is not null)),
      public.sum_counts(array_agg(s.total_times) filter (where s.total_times is not null))
    from spread s left join styles y on y.scope = s.scope and y.day = s.day and y.style = s.style
    group by 1, 2, 3, 4, 5, 6, 7, 8
    on conflict (scope, day, style, dataset_id, aspect_ratio, quality, model, outcome) do update set
      images = u.images + excluded.images,
      regenerations = u.regenerations + excluded.regenerations,
      calls = u.calls + excluded.calls,
      input_tokens = u.input_tokens + excluded.input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens,
      total_tokens = u.total_tokens + excluded.total_tokens,
      estimated_cost_usd = u.estimated_cost_usd + excluded.estimated_cost_usd,
      cost_usd = u.cost_usd + excluded.cost_usd,
      priced_estimate_usd = u.priced_estimate_usd + excluded.priced_estimate_usd,
      unpriced = u.unpriced + excluded.unpriced,
      queue_times = public.sum_counts(array[u.queue_times, excluded.queue_times]),
      total_times = public.sum_counts(array[u.total_times, excluded.total_times])
  )
  select count(*) into v_taken from taken;
  return v_taken;
end
$$;

revoke execute on function public.fold_usage(integer) from public, anon, authenticated;
grant execute on function public.fold_usage(integer) to service_role;
