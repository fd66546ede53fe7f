-- A limit of how many images of one caller may be out at once, so that a caller who is alone does not have every slot
-- busy with calls of minutes when the next one comes. Fair order alone lets a lane have whatever no other lane wants.
alter table public.settings
  add column if not exists max_concurrency_per_caller integer check (max_concurrency_per_caller > 0);
comment on column public.settings.max_concurrency_per_caller is
  'Rows of one lane that may be out (released or processing) at once. Null: as many as nobody else wants.';

-- release_generations: pending rows that wait -> pending rows that are out, to be put into Redis by the caller.
--
-- Answers {"contended": bool, "jobs": [{"id", "epoch"}]}. `contended`: another call is at it, or holds a lane that was
-- needed; ask again in 5 to 15 ms, or a row may wait for the next timer. At most 64 rows a call; a full answer means
-- that there may be more. With "again_in_ms" max_starts_per_minute holds rows back: ask again after that time. Whoever
-- was told and dies is made good by the next timer.
--
-- No more rows are out than there are slots for (and some), than max_concurrency says, and of one lane than
-- max_concurrency_per_caller says. A row that was out before a limit came, and one that is taken over from a dead worker,
-- goes on and is not counted again.
--
-- Fair order: the lanes with the fewest rows out first, then the least recently served, each lane first in, first
-- out. Rows whose not_before has come stand in their old place again. No row of a paused model or project goes out;
-- after a pause one row probes until a call went through (claim_generation, note on pauses).
--
-- Locks lanes before rows and skips whatever is locked: it never waits, so it is part of no deadlock. release_rate is
-- written by nobody else, and last.
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
  v_most_out integer;
  v_most_of_lane integer;
  v_rate integer;
  v_starts double precision;
  v_at timestamptz;
begin
  if not pg_try_advisory_xact_lock(727001, 1) then
    return '{"contended": true, "jobs": []}';
  end if;

  select coalesce(sum(w.concurrency), 0) into v_slots
  from public.workers w, public.settings s where w.beat_at > now() - s.lease;
  select count(*) into v_out from public.generated_images
  where released_at is not null and status in ('pending', 'processing');
  select s.max_concurrency, coalesce(s.max_concurrency_per_caller, 2147483647), s.max_starts_per_minute
  into v_most_out, v_most_of_lane, v_rate from public.settings s;
  v_room := least(c_most, v_slots + greatest(4, v_slots / 8) - v_out, v_most_out - v_out);
  if v_room > 0 and v_rate is not null then
    v_at := clock_timestamp();
    v_starts := public.starts_left(v_rate, v_at);
    v_room := least(v_room, floor(v_starts));
    if v_room <= 0 then
      return public.count_starts(v_rate, v_at, v_starts, 0) || '{"contended": false, "jobs": []}';
    end if;
  end if;
  if v_room <= 0 then
    return '{"contended": false, "jobs": []}';
  end if;

  -- The lanes that this call may need: those with rows that are due, the least recently served of each model that
  -- may go out, and those with rows out already. A lane that has as many out as it may is one of those v_out at most, so
  -- that it hides no other.
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
      from candidate where turn <= v_most_of_lane
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

  return jsonb_build_object('contended', v_skipped and jsonb_array_length(v_jobs) < v_room, 'jobs', v_jobs)
    || case when v_rate is null then '{}'
      else public.count_starts(v_rate, v_at, v_starts, jsonb_array_length(v_jobs)) end;
end
$$;

-- What admins see and change of the settings.
create or replace function public.get_limits() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'max_concurrency', s.max_concurrency, 'max_concurrency_per_caller', s.max_concurrency_per_caller,
    'max_starts_per_minute', s.max_starts_per_minute,
    'max_pending', s.max_pending, 'max_failures', s.max_failures, 'max_billable_calls', s.max_billable_calls
  ) from public.settings s
$$;

-- change_limits: those that p_changes names; null takes away the ones that may be null. Answers {"before", "after"}, each
-- as get_limits. 23514, 23502: a value that its column does not take; 22023: a limit that is unknown. They hold from
-- the next statement of whoever reads them.
create or replace function public.change_limits(p_changes jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_before jsonb;
begin
  perform from public.settings for update;
  v_before := public.get_limits();
  if p_changes - array(select jsonb_object_keys(v_before)) <> '{}' then
    raise exception 'unknown limit: %', p_changes using errcode = '22023';
  end if;
  update public.settings s
  set max_concurrency = n.max_concurrency, max_concurrency_per_caller = n.max_concurrency_per_caller,
      max_starts_per_minute = n.max_starts_per_minute,
      max_pending = n.max_pending, max_failures = n.max_failures, max_billable_calls = n.max_billable_calls
  from jsonb_to_record(v_before || p_changes) as n (
    max_concurrency integer, max_concurrency_per_caller integer, max_starts_per_minute integer, max_pending integer,
    max_failures integer, max_billable_calls integer
  );
  return jsonb_build_object('before', v_before, 'after', public.get_limits());
end
$$;
