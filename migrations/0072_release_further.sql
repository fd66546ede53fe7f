-- release_generations, as in 0070, but:
-- With up to twice as many rows out beyond the slots as there are slots, while images end quickly. Workers claim the next
-- images by then before a slot is free, and what is claimed, or reported, is out, too.
-- With a turn of a caller written to all lanes of it. Lanes of a model are looked at in the order of their own turns, some
-- more than there is room for; those of callers who were served for another model meanwhile stood before others for as
-- long as that went on, and with many such callers nobody behind them had a turn.
-- With fewer lanes locked beyond those that there is room for: they were to make good just that.

-- release_generations: pending rows that wait -> pending rows that are out, to be put into Redis by the caller.
--
-- Answers {"contended": bool, "jobs": [{"id", "epoch"}]}. `contended`: another call is at it, or holds a lane that was
-- needed; ask again in 5 to 15 ms, or a row may wait for the next timer. At most 64 rows a call; a full answer means
-- that there may be more. With "again_in_ms" max_starts_per_minute holds rows back: ask again after that time. Whoever
-- was told and dies is made good by the next timer.
--
-- No more rows are out than there are slots for and some: max(4, slots / 8), or, up to twice as many as there are slots,
-- p_ahead for each worker, which is how many jobs of the caller's end before a slot can have what replaces them. No more
-- than max_concurrency says, and of one lane than max_concurrency_per_caller says. A row that was out before a limit
-- came, and one that is taken over from a dead worker, goes on and is not counted again.
--
-- Fair order: the lanes with the fewest rows out first, then the least recently served, each lane first in, first
-- out. Rows whose not_before has come stand in their old place again. No row of a paused model or project goes out;
-- after a pause one row probes until a call went through (claim_generation, note on pauses).
--
-- Locks lanes before rows and skips whatever is locked: it never waits, so it is part of no deadlock. release_rate is
-- written by nobody else, and last.
create or replace function public.release_generations(p_ahead integer default 0) returns jsonb
language plpgsql security invoker set search_path = '' set jit = off set random_page_cost = 0.1
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  c_most constant integer := 64;
  v_slots integer;
  v_workers integer;
  v_out integer;
  v_room integer;
  v_lane_keys text[];
  v_models text[];
  v_waiting integer[];
  v_pauses text[];
  v_rows_out integer[];
  v_served timestamptz[];
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

  select coalesce(sum(w.concurrency), 0), count(*) filter (where w.concurrency > 0) into v_slots, v_workers
  from public.workers w, public.settings s where w.beat_at > now() - s.lease;
  -- Sorted, for that is what tells its index from others that hold all that is active, as long as a table looks empty.
  select count(*) into v_out from (
    select from public.generated_images
    where released_at is not null and status in ('pending', 'processing') order by lane_key, model
  ) o;
  select s.max_concurrency, coalesce(s.max_concurrency_per_caller, 2147483647), s.max_starts_per_minute
  into v_most_out, v_most_of_lane, v_rate from public.settings s;
  v_room := least(
    c_most,
    v_slots + greatest(4, v_slots / 8, least(2 * v_slots, p_ahead * v_workers)) - v_out,
    v_most_out - v_out
  );
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

  -- The lanes that this call may need: those with rows that are due; of each model that may go out the least recently
  -- served of those with nothing out; and, when these do not fill the room, those with rows out already, which come after
  -- them in fair order. Some more than there is room for, since others may hold some of them, or a caller's turn was not
  -- written to all of its lanes. What is known of them stays true enough while they are locked: only a release serves a
  -- lane or takes rows of it out, and one that ends meanwhile makes a turn no earlier than it may be.
  with recursive waiting_model(name) as (
    (select l.model from public.lanes l where l.waiting > 0 order by l.model limit 1)
    union all
    select (select l.model from public.lanes l where l.waiting > 0 and l.model > m.name order by l.model limit 1)
    from waiting_model m where m.name is not null
  ),
  due as materialized (
    select lane_key, model from public.generated_images
    where status = 'pending' and released_at is null and not_before <= now()
    order by not_before limit 256
  ),
  model as materialized (
    select m.name, p.pause
    from (select name from waiting_model where name is not null union select model from due) m
    cross join lateral (
      select case when max(p.until) > now() then 'paused' when count(*) > 0 then 'probing' end as pause
      from public.pauses p
      where p.scope in ('operator', 'operator:model:' || m.name, 'project', 'model:' || m.name)
    ) p
  ),
  taken as materialized (
    select o.lane_key, count(*)::integer as rows_out from public.generated_images o
    where o.released_at is not null and o.status in ('pending', 'processing') group by o.lane_key
  ),
  unserved as materialized (
    select n.lane_key, n.model, m.pause
    from model m cross join lateral (
      select l.lane_key, l.model from public.lanes l
      where l.model = m.name and l.waiting > 0 and l.lane_key not in (select t.lane_key from taken t)
      order by l.last_served_at, l.lane_key limit v_room + greatest(v_room / 8, 4)
    ) n
    where m.pause is distinct from 'paused'
  ),
  -- `offset 0`: a lane is looked for by its key, however few the planner thinks there are.
  served as (
    select l.lane_key, l.model, m.pause, t.rows_out
    from taken t
    cross join lateral (
      select l.lane_key, l.model from public.lanes l where l.lane_key = t.lane_key and l.waiting > 0 offset 0
    ) l
    join model m on m.name = l.model and m.pause is distinct from 'paused'
    where (select count(distinct u.lane_key) from unserved u where u.pause is null) < v_room
  ),
  wanted as materialized (
    select d.lane_key, d.model, m.pause,
      coalesce((select t.rows_out from taken t where t.lane_key = d.lane_key), 0) as rows_out
    from (select distinct lane_key, model from due) d join model m on m.name = d.model
    union all
    select * from (select u.lane_key, u.model, u.pause, 0 from unserved u union all select * from served) o
    where (o.lane_key, o.model) not in (select d.lane_key, d.model from due d)
  ),
  locked as (
    select l.lane_key, l.model, l.waiting, w.pause, w.rows_out
    from wanted w join public.lanes l using (lane_key, model)
    order by l.lane_key, l.model
    for update of l skip locked
  )
  select count(*) < (select count(*) from wanted), array_agg(k.lane_key), array_agg(k.model), array_agg(k.waiting),
    array_agg(k.pause), array_agg(k.rows_out),
    array_agg((select max(l.last_served_at) from public.lanes l where l.lane_key = k.lane_key))
  into v_skipped, v_lane_keys, v_models, v_waiting, v_pauses, v_rows_out, v_served
  from locked k;
  if v_lane_keys is null then
    return jsonb_build_object('contended', v_skipped, 'jobs', '[]'::jsonb);
  end if;

  -- Rows whose time has come go out in their old place. They are not made waiting first: a row that one transaction
  -- writes twice has its foreign keys checked again, which would wait for a user who is being deleted.
  v_due := array(
    select d.id from public.generated_images d
    join unnest(v_lane_keys, v_models) as l (lane_key, model) using (lane_key, model)
    where d.status = 'pending' and d.released_at is null and d.not_before <= now()
    order by d.id limit 256
  );

  with lane as materialized (
    select l.* from unnest(v_lane_keys, v_models, v_waiting, v_pauses, v_rows_out, v_served)
      as l (lane_key, model, waiting, pause, rows_out, last_served_at)
    where l.pause is distinct from 'paused'
  ),
  -- The turn at which the room is full, so that of no lane more rows are read than can go out. Null: there is room for all.
  last_turn as materialized (
    select t.turn from generate_series(1, (select max(rows_out) from lane) + v_room) as t (turn)
    where v_room <= (
      select sum(least(k.waiting, greatest(least(t.turn, v_most_of_lane) - k.rows_out, 0)))
      from (select min(l.rows_out) as rows_out, sum(l.waiting) as waiting from lane l where l.pause is null group by l.lane_key) k
    )
    limit 1
  ),
  candidate as (
    select r.id, l.lane_key, l.model, l.pause, l.last_served_at,
      l.rows_out + row_number() over (partition by l.lane_key order by r.id) as turn
    from lane l cross join lateral (
      (select g.id from public.generated_images g
      where g.lane_key = l.lane_key and g.model = l.model
        and g.status = 'pending' and g.released_at is null and g.not_before is null
      order by g.id limit least(v_room, greatest(coalesce((select turn from last_turn) - l.rows_out, v_room), 0)))
      union all
      select g.id from public.generated_images g
      where g.id = any (v_due) and g.lane_key = l.lane_key and g.model = l.model
    ) r
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
  next as materialized (
    select a.id, row_number() over (order by a.turn, a.last_served_at, a.id) as place
    from allowed a order by a.turn, a.last_served_at, a.id limit v_room
  ),
  chosen as (
    select g.id, g.not_before is null as waited, n.place
    from next n join public.generated_images g on g.id = n.id
    where g.status = 'pending' and g.released_at is null and (g.not_before is null or g.not_before <= now())
    order by g.id
    for update of g skip locked
  ),
  released as (
    update public.generated_images g set released_at = now(), release_epoch = g.release_epoch + 1, not_before = null
    from chosen where g.id = chosen.id
    returning g.id, g.release_epoch, g.lane_key, g.model, chosen.waited, chosen.place
  ),
  served as (
    update public.lanes l set waiting = greatest(l.waiting - r.n, 0), last_served_at = clock_timestamp()
    from (select lane_key, model, count(*) filter (where waited) as n from released group by 1, 2) r
    where l.lane_key = r.lane_key and l.model = r.model
    returning 1
  ),
  -- What these callers wait for of other models had its turn with it. `offset 0`: looked for by its key, as above.
  beside as (
    select l.lane_key, l.model
    from (select distinct lane_key from released) r
    cross join lateral (
      select o.lane_key, o.model from public.lanes o where o.lane_key = r.lane_key and o.waiting > 0 offset 0
    ) l
    where not exists (select from released x where x.lane_key = l.lane_key and x.model = l.model)
  ),
  turned as (
    update public.lanes l set last_served_at = clock_timestamp()
    from (
      select o.lane_key, o.model from beside b join public.lanes o using (lane_key, model)
      order by o.lane_key, o.model
      for update of o skip locked
    ) b
    where l.lane_key = b.lane_key and l.model = b.model
    returning 1
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'epoch', r.release_epoch) order by r.place), '[]')
  into v_jobs
  from released r;

  -- What follows is seldom needed, and a statement that could write images opens all of their indexes.
  if cardinality(v_due) > 0 or jsonb_array_length(v_jobs) < v_room then
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

    -- A lane whose rows went with their user counts rows that are gone, and may have taken the place of another here.
    update public.lanes l set waiting = 0
    from unnest(v_lane_keys, v_models) as x (lane_key, model)
    where l.lane_key = x.lane_key and l.model = x.model and l.waiting > 0 and not exists (
      select from public.generated_images g
      where g.lane_key = l.lane_key and g.model = l.model
        and g.status = 'pending' and g.released_at is null and g.not_before is null
    );
    v_skipped := v_skipped or found;
  end if;

  return jsonb_build_object('contended', v_skipped and jsonb_array_length(v_jobs) < v_room, 'jobs', v_jobs)
    || case when v_rate is null then '{}'
      else public.count_starts(v_rate, v_at, v_starts, jsonb_array_length(v_jobs)) end;
end
$$;

revoke execute on function public.release_generations(integer) from public, anon, authenticated;
grant execute on function public.release_generations(integer) to service_role;
