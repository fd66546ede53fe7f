-- purge_generations: pending rows -> canceled, all of them or those of one lane. Never what a worker processes.
--
-- p_lane_key, p_model and p_created_before (earlier than that) null do not filter. Cancels at most p_limit rows (1,000 at
-- most) and answers {"ids", "skipped"}. skipped: rows that somebody else was changing at that moment; what is still
-- pending of them comes with the next call. Neither: nothing is left to purge.
--
-- A row that is out already is canceled all the same: its job finds nothing to claim. Locks lanes (sorted), then rows by
-- id, skipping what is locked: a deletion of their user takes rows in an order of its own.

-- id_bound_after: an id behind all UUIDv7 that were made until an hour after p_at, for clocks that differ.
create or replace function public.id_bound_after(p_at timestamptz) returns uuid
language sql immutable strict security invoker set search_path = ''
as $$
  select rpad(
    lpad(to_hex(floor(greatest(extract(epoch from p_at) + 3600, 0) * 1000)::bigint), 12, '0'), 32, '0'
  )::uuid
$$;

-- list_purgeable: pending rows, at most p_limit. What waits is looked for lane by lane, the oldest first; as ids rise with
-- time, that does not read what came later.
create or replace function public.list_purgeable(
  p_lane_key text, p_model text, p_created_before timestamptz, p_limit integer
) returns setof uuid
language sql stable security invoker set search_path = ''
as $$
  select f.id from (
    (
      select w.id
      from public.lanes l cross join lateral (
        select g.id from public.generated_images g
        where g.lane_key = l.lane_key and g.model = l.model
          and g.status = 'pending' and g.released_at is null and g.not_before is null
          and g.id < coalesce(public.id_bound_after(p_created_before), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
          and (p_created_before is null or g.created_at < p_created_before)
        order by g.id limit p_limit
      ) w
      where l.waiting > 0 and (p_lane_key is null or l.lane_key = p_lane_key) and (p_model is null or l.model = p_model)
      limit p_limit
    )
    union all
    select g.id from public.generated_images g
    where g.status = 'pending' and g.released_at is null and g.not_before is not null
      and (p_lane_key is null or g.lane_key = p_lane_key) and (p_model is null or g.model = p_model)
      and (p_created_before is null or g.created_at < p_created_before)
    union all
    select g.id from public.generated_images g
    where g.status = 'pending' and g.released_at is not null
      and (p_lane_key is null or g.lane_key = p_lane_key) and (p_model is null or g.model = p_model)
      and (p_created_before is null or g.created_at < p_created_before)
  ) f
  limit p_limit
$$;

-- count_purgeable: how many rows a purge would cancel, counted up to p_limit.
create or replace function public.count_purgeable(
  p_lane_key text, p_model text, p_created_before timestamptz, p_limit integer
) returns integer
language sql stable security invoker set search_path = ''
as $$ select count(*)::integer from public.list_purgeable(p_lane_key, p_model, p_created_before, p_limit) $$;

create or replace function public.purge_generations(
  p_lane_key text, p_model text, p_created_before timestamptz, p_limit integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_ids uuid[];
  v_canceled uuid[];
begin
  v_ids := array(
    select id from public.list_purgeable(p_lane_key, p_model, p_created_before, least(p_limit, 1000)) as id
  );
  perform from public.lanes l
  where (l.lane_key, l.model) in (select g.lane_key, g.model from public.generated_images g where g.id = any (v_ids))
  order by l.lane_key, l.model
  for update;

  with found as (
    select g.id, g.lane_key, g.model, g.released_at is null and g.not_before is null as waited
    from public.generated_images g
    where g.id = any (v_ids) and g.status = 'pending'
    order by g.id
    for update skip locked
  ),
  canceled as (
    update public.generated_images g
    set status = 'canceled', completed_at = now(), cancel_requested_at = coalesce(g.cancel_requested_at, now())
    from found where g.id = found.id
    returning g.id, found.lane_key, found.model, found.waited
  ),
  lane_counts as (
    update public.lanes l set waiting = greatest(l.waiting - c.n, 0)
    from (select lane_key, model, count(*) as n from canceled where waited group by 1, 2) c
    where l.lane_key = c.lane_key and l.model = c.model
  )
  select coalesce(array_agg(id), '{}') into v_canceled from canceled;

  return jsonb_build_object('ids', to_jsonb(v_canceled), 'skipped', cardinality(v_ids) - cardinality(v_canceled));
end
$$;

revoke execute on function public.id_bound_after(timestamptz),
  public.list_purgeable(text, text, timestamptz, integer), public.count_purgeable(text, text, timestamptz, integer),
  public.purge_generations(text, text, timestamptz, integer) from public, anon, authenticated;
grant execute on function public.id_bound_after(timestamptz),
  public.list_purgeable(text, text, timestamptz, integer), public.count_purgeable(text, text, timestamptz, integer),
  public.purge_generations(text, text, timestamptz, integer) to service_role;
