-- get_generation_events: what happened to an image: {"id", "status", "deleted_at", "created_at", "started_at",
-- "cancel_requested_at", "completed_at", "deadline_at", "is_complete", "events": [{"from_status", "to_status", "attempt",
-- "worker_id", "error", "at"}]}, the first event first; of more than 500 the last. No row: unknown, unsealed, or somebody
-- else's, as with get_generation.
--
-- A row that waits out a quota comes back as often as it is probed, so there is no bound on its events but this one.
create or replace function public.get_generation_events(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', g.id, 'status', g.status, 'deleted_at', g.deleted_at, 'created_at', g.created_at, 'started_at', g.started_at,
    'cancel_requested_at', g.cancel_requested_at, 'completed_at', g.completed_at, 'deadline_at', g.deadline_at,
    'is_complete', last.is_complete, 'events', last.events
  )
  from public.generated_images g cross join lateral (
    select count(*) <= 500 as is_complete,
      coalesce(jsonb_agg(to_jsonb(e) - array['id', 'image_id', 'error_code', 'place'] order by e.id)
        filter (where e.place <= 500), '[]') as events
    from (
      select *, row_number() over (order by n.id desc) as place from public.generation_events n
      where n.image_id = g.id order by n.id desc limit 501
    ) e
  ) last
  where g.id = p_id and (p_admin or g.user_id is not distinct from p_user_id)
    and (g.batch_id is null or not exists (select from public.batches b where b.id = g.batch_id and b.sealed_at is null))
$$;
revoke execute on function public.get_generation_events(uuid, uuid, boolean) from public, anon, authenticated;
grant execute on function public.get_generation_events(uuid, uuid, boolean) to service_role;
