-- Limits on everybody together, that change without a restart: how many images may be out at once, and how many may
-- start in a minute. release_generations keeps them, so that they hold exactly over any number of workers.
alter table public.settings
  add column if not exists max_concurrency integer check (max_concurrency > 0),
  add column if not exists max_starts_per_minute integer check (max_starts_per_minute > 0);
comment on column public.settings.max_concurrency is 'Rows that may be out (released or processing) at once. Null: as many as there are slots for.';
comment on column public.settings.max_starts_per_minute is 'Rows that may be released in any 60 seconds. Null: no limit.';

-- How many starts are left, when there is such a limit. One row, written under the lock of release_generations only.
create table if not exists public.release_rate (
  singleton boolean primary key default true check (singleton),
  starts_left double precision not null default 1,
  counted_at timestamptz not null default now(),
  call_again_at timestamptz not null default '-infinity'
);
comment on column public.release_rate.call_again_at is 'When the caller that was told to come back will do so; until then nobody else is told.';
insert into public.release_rate (singleton) values (true) on conflict do nothing;
alter table public.release_rate enable row level security;
revoke all on public.release_rate from public, anon, authenticated;
grant select, insert, update, delete on public.release_rate to service_role;

-- The rate is a bucket that takes a second's worth and one more, and fills so slowly that a full one and what comes
-- into it during a minute (60 s without their last moment) are never more than the limit. So the limit holds for every
-- 60 seconds, whenever they begin, and at 600 a minute 590 can be had of it without end.
create or replace function public.start_burst(p_rate integer) returns integer
language sql immutable security invoker set search_path = ''
as $$ select 1 + p_rate / 60 $$;
create or replace function public.start_refill(p_rate integer) returns double precision
language sql immutable security invoker set search_path = ''
as $$ select (p_rate - public.start_burst(p_rate) + 1) / 60.0::double precision $$;

-- starts_left: how many rows may start at p_at, which is the clock's time and not the transaction's: of two calls the
-- later one may have begun earlier.
create or replace function public.starts_left(p_rate integer, p_at timestamptz) returns double precision
language sql stable security invoker set search_path = ''
as $$
  select least(
    public.start_burst(p_rate),
    r.starts_left + public.start_refill(p_rate) * greatest(extract(epoch from p_at - r.counted_at), 0)::double precision
  )
  from public.release_rate r
$$;

-- count_starts: takes p_used off what starts_left has answered for p_at. Answers {"again_in_ms"} if the next start has to
-- be waited for, to one caller at a time; {} otherwise. Not in less than 100 ms, that they may be more than one.
create or replace function public.count_starts(
  p_rate integer, p_at timestamptz, p_left double precision, p_used integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_left double precision := p_left - p_used;
  v_wait interval := greatest((1 - v_left) / public.start_refill(p_rate), 0.1) * interval '1 second';
begin
  if p_used > 0 then
    update public.release_rate set starts_left = v_left, counted_at = p_at;
  end if;
  if v_left >= 1 then
    return '{}';
  end if;
  update public.release_rate set call_again_at = p_at + v_wait where call_again_at <= p_at;
  return case when found
    then jsonb_build_object('again_in_ms', ceil(extract(epoch from v_wait) * 1000)) else '{}' end;
end
$$;

-- release_generations: pending rows that wait -> pending rows that are out, to be put into Redis by the caller.
--
-- Answers {"contended": bool, "jobs": [{"id", "epoch"}]}. `contended`: another call is at it, or holds a lane that was
-- needed; ask again in 5 to 15 ms, or a row may wait for the next timer. At most 64 rows a call; a full answer means
-- that there may be more. With "again_in_ms" max_starts_per_minute holds rows back: ask again after that time. Whoever
-- was told and dies is made good by the next timer.
--
-- No more rows are out than there are slots for (and some), and than max_concurrency says. A row that was out before a
-- limit came, and one that is taken over from a dead worker, goes on and is not counted again.
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
  select s.max_concurrency, s.max_starts_per_minute into v_most_out, v_rate from public.settings s;
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
    'max_concurrency', s.max_concurrency, 'max_starts_per_minute', s.max_starts_per_minute,
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
  set max_concurrency = n.max_concurrency, max_starts_per_minute = n.max_starts_per_minute,
      max_pending = n.max_pending, max_failures = n.max_failures, max_billable_calls = n.max_billable_calls
  from jsonb_to_record(v_before || p_changes) as n (
    max_concurrency integer, max_starts_per_minute integer, max_pending integer, max_failures integer,
    max_billable_calls integer
  );
  return jsonb_build_object('before', v_before, 'after', public.get_limits());
end
$$;

-- get_queue_snapshot: as in 0017; slots that max_concurrency leaves idle make nobody's wait shorter.
--
-- {"slots", "released", "processing", "lanes": [[waiting, lanes]], "durations": [{"model", "resolution",
-- "seconds"}]}. `lanes`: how many lanes have how many rows waiting, which is all that a place depends on. `seconds`: the
-- mean from first claim to end of the last 50 images of that kind.
create or replace function public.get_queue_snapshot() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  with recursive kind(model, resolution) as (
    (select model, resolution from public.generated_images
      where status = 'succeeded' and model is not null order by model, resolution limit 1)
    union all
    select n.model, n.resolution from kind k cross join lateral (
      select g.model, g.resolution from public.generated_images g
      where g.status = 'succeeded' and g.model is not null and (g.model, g.resolution) > (k.model, k.resolution)
      order by g.model, g.resolution limit 1
    ) n
  )
  select jsonb_build_object(
    'slots', (
      select least(
        coalesce(sum(w.concurrency) filter (where w.beat_at > now() - s.lease), 0), min(s.max_concurrency)
      )
      from public.settings s left join public.workers w on true
    ),
    'released', (
      select count(*) from public.generated_images where released_at is not null and status = 'pending'
    ),
    'processing', (
      select count(*) from public.generated_images where released_at is not null and status = 'processing'
    ),
    'lanes', (
      select coalesce(jsonb_agg(jsonb_build_array(h.waiting, h.lanes)), '[]')
      from (
        select l.waiting, count(*) as lanes
        from (select sum(waiting) as waiting from public.lanes where waiting > 0 group by lane_key) l
        group by l.waiting
      ) h
    ),
    'durations', (
      select coalesce(jsonb_agg(jsonb_build_object('model', k.model, 'resolution', k.resolution, 'seconds', d.seconds)), '[]')
      from kind k cross join lateral (
        select avg(extract(epoch from l.completed_at - l.started_at)) as seconds
        from (
          select g.completed_at, g.started_at from public.generated_images g
          where g.status = 'succeeded' and g.model = k.model and g.resolution = k.resolution
          order by g.completed_at desc limit 50
        ) l
      ) d
      where d.seconds is not null
    )
  )
$$;

revoke execute on function public.start_burst(integer), public.start_refill(integer), public.starts_left(integer, timestamptz),
  public.count_starts(integer, timestamptz, double precision, integer), public.release_generations(), public.get_limits(),
  public.change_limits(jsonb), public.get_queue_snapshot() from public, anon, authenticated;
grant execute on function public.start_burst(integer), public.start_refill(integer), public.starts_left(integer, timestamptz),
  public.count_starts(integer, timestamptz, double precision, integer), public.release_generations(), public.get_limits(),
  public.change_limits(jsonb), public.get_queue_snapshot() to service_role;
