-- What GET /ai/queue tells beside the places of images: how long others waited, and what the caller has in the queue.

-- get_queue_snapshot: {"workers", "slots", "slots_per_caller", "released", "processing", "lanes": [[waiting, lanes]],
-- "durations": [{"model", "resolution", "seconds"}], "waits": {"images", "p50_seconds", "p95_seconds", "p99_seconds"},
-- "pauses"}.
--
-- `workers` and `slots` are of those that live and do not drain; slots that a limit leaves idle make nobody's wait shorter,
-- so they are left out, and `slots_per_caller` is null without such a limit. `lanes`: how many lanes have how many rows
-- waiting, which is all that a place depends on. `seconds`: the mean from first claim to end of the last 50 images of that
-- kind. `waits`: from submit to first claim, of those of them that were done in the last hour; null without any. `pauses`:
-- as list_pauses. Reads as many lanes as have rows waiting, and of images those that are out and 50 of a kind.
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
  ),
  latest as materialized (
    select l.* from kind k cross join lateral (
      select g.model, g.resolution, g.created_at, g.started_at, g.completed_at from public.generated_images g
      where g.status = 'succeeded' and g.model = k.model and g.resolution = k.resolution
      order by g.completed_at desc limit 50
    ) l
  )
  select jsonb_build_object(
    'workers', (
      select count(*) from public.workers w, public.settings s
      where w.concurrency > 0 and w.beat_at > now() - s.lease
    ),
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
    'slots_per_caller', (select s.max_concurrency_per_caller from public.settings s),
    'durations', (
      select coalesce(jsonb_agg(jsonb_build_object('model', d.model, 'resolution', d.resolution, 'seconds', d.seconds)), '[]')
      from (
        select l.model, l.resolution, avg(extract(epoch from l.completed_at - l.started_at)) as seconds
        from latest l group by 1, 2
      ) d
      where d.seconds is not null
    ),
    'waits', (
      select jsonb_build_object(
        'images', p.images, 'p50_seconds', p.seconds[1], 'p95_seconds', p.seconds[2], 'p99_seconds', p.seconds[3]
      )
      from (
        select count(*) as images, percentile_cont(array[0.5, 0.95, 0.99])
          within group (order by extract(epoch from l.started_at - l.created_at)::double precision) as seconds
        from latest l
        where l.started_at is not null and l.completed_at > now() - interval '1 hour'
      ) p
    ),
    'pauses', public.list_pauses()
  )
$$;

-- get_lane_load: what a lane_key has in the queue, {"waiting", "released", "processing"}, of all models. It counts what lanes
-- say and the rows that are out, at any backlog.
create or replace function public.get_lane_load(p_lane_key text) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'waiting', public.count_lane_waiting(p_lane_key),
    'released', count(*) filter (where g.status = 'pending'),
    'processing', count(*) filter (where g.status = 'processing')
  )
  from public.generated_images g
  where g.lane_key = p_lane_key and g.released_at is not null and g.status in ('pending', 'processing')
$$;
revoke execute on function public.get_lane_load(text) from public, anon, authenticated;
grant execute on function public.get_lane_load(text) to service_role;
