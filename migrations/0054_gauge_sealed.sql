-- Images of a batch that is not sealed (not_before = 'infinity', 0036) do not count in the metrics: they may come to nothing.

-- The oldest image that a worker may begin stands first in this.
create index if not exists idx_generated_images_oldest on public.generated_images (created_at)
  where status = 'pending' and coalesce(not_before, '-infinity') < 'infinity';
drop index if exists public.idx_generated_images_pending;

-- read_queue_gauges: as in 0034, without the images of batches that are still being written, which are nobody's work yet. Rows that wait are counted by what lanes say, so this reads as many rows of
-- lanes as callers have rows waiting; of images those that are out, and at most 10,000 entries of an index each for
-- `delayed` and `cleanup_due`, which say 10,000 when there are more.
create or replace function public.read_queue_gauges() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'workers', w.workers,
    'slots', w.slots,
    'waiting', (select coalesce(sum(l.waiting), 0) from public.lanes l where l.waiting > 0),
    'delayed', (
      select count(*) from (
        select from public.generated_images
        where status = 'pending' and released_at is null and not_before < 'infinity' limit 10000
      ) d
    ),
    'released', o.released,
    'processing', o.processing,
    'oldest_pending_seconds', (
      select extract(epoch from now() - min(g.created_at)) from public.generated_images g
      where g.status = 'pending' and coalesce(g.not_before, '-infinity') < 'infinity'
    ),
    'oldest_released_seconds', o.oldest_released_seconds,
    'pauses', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'scope', p.scope, 'seconds', greatest(extract(epoch from p.until - now()), 0)
      )), '[]')
      from public.pauses p
    ),
    'cleanup_due', (
      select count(*) from (select from public.storage_cleanup where due_at <= now() limit 10000) d
    ),
    'cleanup_overdue_seconds', (
      select extract(epoch from now() - min(c.due_at)) from public.storage_cleanup c where c.due_at <= now()
    )
  )
  from (
    select count(*) filter (where w.concurrency > 0) as workers, coalesce(sum(w.concurrency), 0) as slots
    from public.workers w, public.settings s where w.beat_at > now() - s.lease
  ) w, (
    select count(*) filter (where g.status = 'pending') as released,
      count(*) filter (where g.status = 'processing') as processing,
      extract(epoch from now() - min(g.released_at) filter (where g.status = 'pending')) as oldest_released_seconds
    from public.generated_images g where g.released_at is not null and g.status in ('pending', 'processing')
  ) o
$$;
