-- cancel_generation: pending -> canceled at once; processing -> cancel_requested_at, and canceled as soon as its worker
-- has stopped (beat_worker names it, complete_generation loses against it). An ended image stays as it is.
--
-- p_user_id is the signed-in user, null an anonymous caller. Answers the row as it is then; asking again changes
-- nothing. No row: unknown, or somebody else's. Locks the lane, then the row.
create or replace function public.cancel_generation(p_id uuid, p_user_id uuid) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
begin
  perform from public.lanes l
  where (l.lane_key, l.model) in (
    select g.lane_key, g.model from public.generated_images g
    where g.id = p_id and g.user_id is not distinct from p_user_id and g.status = 'pending'
  )
  for update;
  select * into v_row from public.generated_images g
  where g.id = p_id and g.user_id is not distinct from p_user_id
  for update;
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
  elsif v_row.status = 'processing' then
    update public.generated_images set cancel_requested_at = coalesce(cancel_requested_at, now()) where id = p_id;
  end if;
  return query select public.generation_with_place(g) from public.generated_images g where g.id = p_id;
end
$$;
revoke execute on function public.cancel_generation(uuid, uuid) from public, anon, authenticated;
grant execute on function public.cancel_generation(uuid, uuid) to service_role;
