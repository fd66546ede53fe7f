-- delete_generation: any state -> deleted_at, and with it pending -> canceled; processing -> cancel_requested_at, and
-- canceled as soon as its worker has stopped. An ended image stays as it ended.
--
-- The row stays as a tombstone for 30 days: it can be read by its id, to be told as deleted, and by nothing else.
-- Answers it; asking again changes nothing. No row: unknown, or somebody else's.
--
-- One update both deletes and cancels, so there is no moment at which a worker could complete a deleted row:
-- complete_generation loses against cancel_requested_at. The stored object goes at once; what an attempt stores late is
-- removed by its worker, or by the clean-up that the end of every such row plans.

-- lock_generation: an image of the caller's for a change, its lane first where it may be waiting.
create or replace function public.lock_generation(p_id uuid, p_user_id uuid, p_admin boolean)
returns setof public.generated_images
language plpgsql security invoker set search_path = ''
as $$
begin
  perform from public.lanes l
  where (l.lane_key, l.model) in (
    select g.lane_key, g.model from public.generated_images g
    where g.id = p_id and (p_admin or g.user_id is not distinct from p_user_id) and g.status = 'pending'
  )
  for update;
  return query select * from public.generated_images g
  where g.id = p_id and (p_admin or g.user_id is not distinct from p_user_id)
  for update;
end
$$;

create or replace function public.delete_generation(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
begin
  select * into v_row from public.lock_generation(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;

  if v_row.deleted_at is null then
    update public.generated_images g
    set deleted_at = now(),
        status = case g.status when 'pending' then 'canceled' else g.status end,
        completed_at = case g.status when 'pending' then now() else g.completed_at end,
        cancel_requested_at = case
          when g.status in ('pending', 'processing') then coalesce(g.cancel_requested_at, now())
          else g.cancel_requested_at
        end
    where g.id = p_id;
    if v_row.status = 'pending' and v_row.released_at is null and v_row.not_before is null then
      update public.lanes set waiting = greatest(waiting - 1, 0)
      where lane_key = v_row.lane_key and model = v_row.model;
    end if;
    perform public.plan_object_cleanup(
      'generated-images', array[v_row.storage_path, v_row.thumbnail_path], interval '0', p_id
    );
  end if;
  return query select public.generation_with_place(g) from public.generated_images g where g.id = p_id;
end
$$;

-- cancel_generation: as in 0018; an admin cancels anybody's.
drop function if exists public.cancel_generation(uuid, uuid);
create or replace function public.cancel_generation(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
begin
  select * into v_row from public.lock_generation(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;

  if v_row.status = 'pending' then
    update public.generated_images
    set status = 'canceled', completed_at = now(), cancel_requested_at = coalesce(cancel_requested_at, now())
    where id = p_id;
    if v_row.released_at is null and v_row.not_before is null then
      update public.lanes set waiting = greatest(waiting - 1, 0)
      where lane_key = v_row.lane_key and model = v_row.model;
    end if;
  elsif v_row.status = 'processing' and v_row.cancel_requested_at is null then
    update public.generated_images set cancel_requested_at = now() where id = p_id;
  end if;
  return query select public.generation_with_place(g) from public.generated_images g where g.id = p_id;
end
$$;

-- prune_queue_tables: workers that have long been dead, lanes that nobody has used for an hour, keys of yesterday,
-- tombstones of last month.
create index if not exists idx_generated_images_deleted_at on public.generated_images (deleted_at)
  where deleted_at is not null;
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
  delete from public.generated_images g where g.id in (
    select t.id from public.generated_images t
    where t.deleted_at < now() - interval '30 days' and t.status not in ('pending', 'processing')
    order by t.deleted_at limit 1000
    for update skip locked
  );
$$;

revoke execute on function public.lock_generation(uuid, uuid, boolean), public.delete_generation(uuid, uuid, boolean),
  public.cancel_generation(uuid, uuid, boolean), public.prune_queue_tables() from public, anon, authenticated;
grant execute on function public.lock_generation(uuid, uuid, boolean), public.delete_generation(uuid, uuid, boolean),
  public.cancel_generation(uuid, uuid, boolean), public.prune_queue_tables() to service_role;
