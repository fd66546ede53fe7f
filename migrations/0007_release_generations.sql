-- release_generations: pending rows that wait -> pending rows that are out, to be put into Redis by the caller.
--
-- Answers {"contended": bool, "jobs": [{"id", "epoch"}]}. `contended`: another call is at it, or holds a lane that was
-- needed; ask again in 5 to 15 ms, or a row may wait for the next timer. At most 64 rows a call; a full answer means
-- that there may be more.
--
-- Fair order: the lanes with the fewest rows out first, then the least recently served, each lane first in, first
-- out. Rows whose not_before has come stand in their old place again. No row of a paused model or project goes out;
-- after a pause one row probes until a call went through (claim_generation, note on pauses).
--
-- Locks lanes before rows and skips whatever is locked: it never waits, so it is part of no deadlock.

-- The holds that apply to a model now: 'paused', 'probing' (the time has come, no call went through yet) or null.
create or replace function public.pause_state(p_model text) returns text
language sql stable security invoker set search_path = ''
as $$
  select case when max(until) > now() then 'paused' when count(*) > 0 then 'probing' end
  from public.pauses
  where scope in ('operator', 'project', 'model:' || p_model)
$$;

create or replace function public.release_generations() returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  c_most constant integer := 64;
  v_slots integer;
  v_out integer;
  v_room integer;
  v_wanted jsonb;
  v_lanes jsonb;
  v_skipped boolean;
  v_jobs jsonb;
  v_due uuid[];
begin
  if not pg_try_advisory_xact_lock(727001, 1) then
    return '{"contended": true, "jobs": []}';
  end if;

  select coalesce(sum(w.concurrency), 0) into v_slots
  from public.workers w, public.settings s where w.beat_at > now() - s.lease;
  select count(*) into v_out from public.generated_images
  where released_at is not null and status in ('pending', 'processing');
  v_room := least(c_most, v_slots + greatest(4, v_slots / 8) - v_out);
  if v_room <= 0 then
    return '{"contended": false, "jobs": []}';
  end if;

  -- The lanes that this call may need: those with rows that are due, the least recently served of each model that
  -- may go out, and those with rows out already.
  with recursive model(name) as (
    (select l.model from public.lanes l where l.waiting > 0 order by l.model limit 1)
    union all
    select (select l.model from public.lanes l where l.waiting > 0 and l.model > m.name order by l.model limit 1)
    from model m where m.name is not null
  ),
  open_model as (
    select m.name from model m
    where m.name is not null and coalesce(public.pause_state(m.name), '') <> 'paused'
  ),
  due as (
    select lane_key, model from public.generated_images
    where status = 'pending' and released_at is null and not_before <= now()
    order by not_before limit 256
  ),
  wanted as (
    select d.lane_key, d.model from due d
    union
    select n.lane_key, n.model
    from open_model m cross join lateral (
      select l.lane_key, l.model from public.lanes l
      where l.model = m.name and l.waiting > 0
      order by l.last_served_at, l.lane_key limit v_room + v_out
    ) n
    union
    select l.lane_key, l.model
    from public.generated_images g join public.lanes l on l.lane_key = g.lane_key and l.waiting > 0
    where g.released_at is not null and g.status in ('pending', 'processing')
      and l.model in (select name from open_model)
  )
  select coalesce(jsonb_agg(jsonb_build_object('lane_key', lane_key, 'model', model)), '[]') into v_wanted from wanted;
  if v_wanted = '[]' then
    return '{"contended": false, "jobs": []}';
  end if;

  with locked as (
    select l.lane_key, l.model from public.lanes l
    join jsonb_to_recordset(v_wanted) as w (lane_key text, model text) using (lane_key, model)
    order by l.lane_key, l.model
    for update of l skip locked
  )
  select coalesce(jsonb_agg(to_jsonb(locked)), '[]') into v_lanes from locked;
  v_skipped := jsonb_array_length(v_lanes) < jsonb_array_length(v_wanted);

  -- Rows whose time has come go out in their old place. They are not made waiting first: a row that one transaction
  -- writes twice has its foreign keys checked again, which would wait for a user who is being deleted.
  v_due := array(
    select d.id from public.generated_images d
    join jsonb_to_recordset(v_lanes) as l (lane_key text, model text) using (lane_key, model)
    where d.status = 'pending' and d.released_at is null and d.not_before <= now()
    order by d.id limit 256
  );

  with lane as (
    select l.lane_key, l.model, l.waiting, public.pause_state(l.model) as pause,
      (select max(s.last_served_at) from public.lanes s where s.lane_key = l.lane_key) as last_served_at,
      (select count(*) from public.generated_images o
        where o.lane_key = l.lane_key and o.released_at is not null and o.status in ('pending', 'processing')) as rows_out
    from public.lanes l join jsonb_to_recordset(v_lanes) as x (lane_key text, model text) using (lane_key, model)
  ),
  candidate as (
    select r.id, l.lane_key, l.model, l.pause, l.last_served_at,
      l.rows_out + row_number() over (partition by l.lane_key order by r.id) as turn
    from lane l cross join lateral (
      (select g.id from public.generated_images g
      where g.lane_key = l.lane_key and g.model = l.model
        and g.status = 'pending' and g.released_at is null and g.not_before is null
      order by g.id limit v_room)
      union all
      select g.id from public.generated_images g
      where g.id = any (v_due) and g.lane_key = l.lane_key and g.model = l.model
    ) r
    where coalesce(l.pause, '') <> 'paused'
  ),
  -- While a model probes, one of its rows may be out at a time.
  allowed as (
    select c.* from (
      select candidate.*, row_number() over (partition by model order by turn, last_served_at, id) as of_model
      from candidate
    ) c
    where c.pause is null or (c.of_model = 1 and not exists (
      select from public.generated_images o
      where o.model = c.model and o.released_at is not null and o.status in ('pending', 'processing')
    ))
  ),
  chosen as (
    select g.id, g.not_before is null as waited from public.generated_images g
    where g.id in (select a.id from allowed a order by a.turn, a.last_served_at, a.id limit v_room)
      and g.status = 'pending' and g.released_at is null and (g.not_before is null or g.not_before <= now())
    order by g.id
    for update of g skip locked
  ),
  released as (
    update public.generated_images g set released_at = now(), release_epoch = g.release_epoch + 1, not_before = null
    from chosen where g.id = chosen.id
    returning g.id, g.release_epoch, g.lane_key, g.model, chosen.waited
  ),
  served as (
    update public.lanes l set waiting = greatest(l.waiting - r.n, 0), last_served_at = clock_timestamp()
    from (select lane_key, model, count(*) filter (where waited) as n from released group by 1, 2) r
    where l.lane_key = r.lane_key and l.model = r.model
    returning 1
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'epoch', r.release_epoch) order by a.turn, a.last_served_at, a.id), '[]')
  into v_jobs
  from released r join allowed a on a.id = r.id;

  -- Of those that found no room the lanes know from now on.
  with woken as (
    update public.generated_images g set not_before = null
    where g.id in (
      select d.id from public.generated_images d
      where d.id = any (v_due) and d.status = 'pending' and d.released_at is null and d.not_before <= now()
      order by d.id
      for update of d skip locked
    )
    returning g.lane_key, g.model
  )
  update public.lanes l set waiting = l.waiting + w.n
  from (select lane_key, model, count(*) as n from woken group by 1, 2) w
  where l.lane_key = w.lane_key and l.model = w.model;

  -- A lane whose rows went with their user counts rows that are gone.
  update public.lanes l set waiting = 0
  from jsonb_to_recordset(v_lanes) as x (lane_key text, model text)
  where l.lane_key = x.lane_key and l.model = x.model and l.waiting > 0 and not exists (
    select from public.generated_images g
    where g.lane_key = l.lane_key and g.model = l.model
      and g.status = 'pending' and g.released_at is null and g.not_before is null
  );

  return jsonb_build_object('contended', v_skipped and jsonb_array_length(v_jobs) < v_room, 'jobs', v_jobs);
end
$$;
revoke execute on function public.pause_state(text), public.release_generations() from public, anon, authenticated;
grant execute on function public.pause_state(text), public.release_generations() to service_role;
