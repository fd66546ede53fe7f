-- What a place in the queue and an ETA are computed from.

-- How long images of each kind took lately is read from the newest of them.
create index if not exists idx_generated_images_durations on public.generated_images (model, resolution, completed_at desc)
  where status = 'succeeded' and model is not null;

-- get_queue_snapshot: {"slots", "released", "processing", "lanes": [[waiting, lanes]], "durations": [{"model", "resolution",
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
      select coalesce(sum(w.concurrency), 0) from public.workers w, public.settings s where w.beat_at > now() - s.lease
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
revoke execute on function public.get_queue_snapshot() from public, anon, authenticated;
grant execute on function public.get_queue_snapshot() to service_role;
