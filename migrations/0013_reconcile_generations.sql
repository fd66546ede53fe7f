-- The steps that put right what a crash left. Each is small, bounded and safe to do twice at once.

-- list_lost_jobs: rows that are out and should have a job in Redis: pending ones, and those of dead workers. The
-- caller adds the jobs again under the same epoch; BullMQ leaves alone what it still has. p_worker_id is the asker: who
-- may not judge gets no rows of dead workers. Answers [{"id", "epoch"}], at most 1,000, the longest out first.
create or replace function public.list_lost_jobs(p_worker_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'epoch', l.release_epoch) order by l.released_at), '[]')
  from (
    select g.id, g.release_epoch, g.released_at
    from public.generated_images g
    where g.released_at is not null and g.status in ('pending', 'processing')
      and (g.status = 'pending' or (public.worker_is_dead(g.worker_id) and public.worker_may_judge(p_worker_id)))
    order by g.released_at limit 1000
  ) l
$$;

-- expire_generations: pending or processing rows past their deadline -> expired. Answers how many; at most 200, so
-- that a full answer means: ask again. Locks lanes (sorted), then rows by id; skips what is locked.
create or replace function public.expire_generations() returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  v_ids uuid[];
  v_expired integer;
begin
  v_ids := array(
    select id from public.generated_images
    where status in ('pending', 'processing') and deadline_at <= now() order by deadline_at limit 200
  );
  if cardinality(v_ids) = 0 then
    return 0;
  end if;

  with lane as (
    select l.lane_key, l.model from public.lanes l
    where (l.lane_key, l.model) in (select g.lane_key, g.model from public.generated_images g where g.id = any (v_ids))
    order by l.lane_key, l.model
    for update skip locked
  ),
  overdue as (
    select g.id, g.lane_key, g.model,
      g.status = 'pending' and g.released_at is null and g.not_before is null as waited
    from public.generated_images g join lane using (lane_key, model)
    where g.id = any (v_ids) and g.status in ('pending', 'processing') and g.deadline_at <= now()
    order by g.id
    for update of g skip locked
  ),
  expired as (
    update public.generated_images g
    set status = 'expired', completed_at = now(), error_code = 'deadline_exceeded',
        error = jsonb_build_object(
          'code', 'deadline_exceeded', 'retryable', true,
          'message', case when g.started_at is null
            then 'No worker could take this image before its deadline.'
            else 'The image was not finished before its deadline.' end)
    from overdue where g.id = overdue.id
    returning overdue.lane_key, overdue.model, overdue.waited
  ),
  lane_counts as (
    update public.lanes l set waiting = greatest(l.waiting - e.n, 0)
    from (select lane_key, model, count(*) as n from expired where waited group by 1, 2) e
    where l.lane_key = e.lane_key and l.model = e.model
  )
  select count(*) into v_expired from expired;
  return v_expired;
end
$$;

-- list_storage_cleanup: folders that are due, with the one object in each that a row names (null: none). Never an
-- active row's folder. Answers [{"folder", "keep"}], at most 100.
create or replace function public.list_storage_cleanup() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('folder', d.folder, 'keep', d.storage_path)), '[]')
  from (
    select c.folder, case when g.deleted_at is null then g.storage_path end as storage_path
    from public.storage_cleanup c left join public.generated_images g on g.id = c.image_id
    where c.due_at <= now() and coalesce(g.status, '') not in ('pending', 'processing')
    order by c.due_at limit 100
  ) d
$$;

-- finish_storage_cleanup: these folders hold nothing stray any more. One that was planned anew meanwhile stays.
create or replace function public.finish_storage_cleanup(p_folders text[]) returns void
language sql security invoker set search_path = ''
as $$
  delete from public.storage_cleanup where folder in (
    select folder from public.storage_cleanup where folder = any (p_folders) and due_at <= now()
    order by folder for update skip locked
  )
$$;

-- prune_queue_tables: workers that have long been dead, lanes that nobody has used for an hour, keys of yesterday.
create or replace function public.prune_queue_tables() returns void
language sql security invoker set search_path = ''
as $$
  delete from public.workers w where w.beat_at < now() - interval '1 day'
    and not exists (select from public.generated_images g where g.worker_id = w.id and g.status = 'processing');
  delete from public.lanes l where (l.lane_key, l.model) in (
    select i.lane_key, i.model from public.lanes i
    where i.waiting = 0 and i.last_served_at < now() - interval '1 hour'
      and not exists (
        select from public.generated_images g
        where g.lane_key = i.lane_key and g.model = i.model and g.status in ('pending', 'processing')
      )
    order by i.lane_key, i.model limit 1000
    for update skip locked
  );
  delete from public.idempotency_keys k where (k.scope, k.key) in (
    select o.scope, o.key from public.idempotency_keys o where o.created_at < now() - interval '24 hours'
    order by o.created_at limit 10000
    for update skip locked
  );
$$;

revoke execute on function public.list_lost_jobs(uuid), public.expire_generations(), public.list_storage_cleanup(),
  public.finish_storage_cleanup(text[]), public.prune_queue_tables() from public, anon, authenticated;
grant execute on function public.list_lost_jobs(uuid), public.expire_generations(), public.list_storage_cleanup(),
  public.finish_storage_cleanup(text[]), public.prune_queue_tables() to service_role;
