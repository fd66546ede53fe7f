-- What the metrics of every process tell about the queue as a whole, at a cost that does not grow with the backlog.

-- The oldest image that no worker has begun stands first in this.
create index if not exists idx_generated_images_pending on public.generated_images (created_at) where status = 'pending';

-- The last reading, so that many processes that are scraped often share one. One row.
create table if not exists public.queue_gauges (
  singleton boolean primary key default true check (singleton),
  taken_at timestamptz not null,
  gauges jsonb not null
);
alter table public.queue_gauges enable row level security;
revoke all on public.queue_gauges from public, anon, authenticated;
grant select, insert, update, delete on public.queue_gauges to service_role;

-- read_queue_gauges: the queue as it is now. Rows that wait are counted by what lanes say, so this reads as many rows of
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
        where status = 'pending' and released_at is null and not_before is not null limit 10000
      ) d
    ),
    'released', o.released,
    'processing', o.processing,
    'oldest_pending_seconds', (
      select extract(epoch from now() - min(g.created_at)) from public.generated_images g where g.status = 'pending'
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

-- get_queue_gauges: the reading of the last five seconds, or a new one. {"workers", "slots", "waiting", "delayed", "released",
-- "processing", "oldest_pending_seconds", "oldest_released_seconds", "pauses": [{"scope", "seconds"}], "cleanup_due",
-- "cleanup_overdue_seconds"}. `workers` and `slots` are of those that live and do not drain; of the pending rows `waiting` may
-- be released, `delayed` were given back and wait for their time, `released` are out. Seconds are null when there is nothing
-- to be old; those of a pause are 0 while it is probed. Who comes while another one reads gets the reading before it.
create or replace function public.get_queue_gauges() returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_gauges jsonb;
  v_mine boolean;
begin
  select q.gauges into v_gauges from public.queue_gauges q where q.taken_at > now() - interval '5 seconds';
  if found then
    return v_gauges;
  end if;
  v_mine := pg_try_advisory_xact_lock(727003, 1);
  if not v_mine then
    select q.gauges into v_gauges from public.queue_gauges q where q.taken_at > now() - interval '1 minute';
    if found then
      return v_gauges;
    end if;
  end if;
  v_gauges := public.read_queue_gauges();
  if v_mine then
    insert into public.queue_gauges (taken_at, gauges) values (now(), v_gauges)
    on conflict (singleton) do update set taken_at = excluded.taken_at, gauges = excluded.gauges;
  end if;
  return v_gauges;
end
$$;
revoke execute on function public.read_queue_gauges(), public.get_queue_gauges() from public, anon, authenticated;
grant execute on function public.read_queue_gauges(), public.get_queue_gauges() to service_role;
