-- has_stuck_release: whether a row that may run has been out for so long without any worker taking it. While workers have
-- room that means that they no longer hear of jobs.
create or replace function public.has_stuck_release(p_older_than_ms integer) returns boolean
language sql stable security invoker set search_path = ''
as $$
  select exists (
    select from public.generated_images g
    where g.status = 'pending' and g.released_at < now() - p_older_than_ms * interval '1 millisecond'
      and g.deadline_at > now() and public.pause_state(g.model) is null
  )
$$;
revoke execute on function public.has_stuck_release(integer) from public, anon, authenticated;
grant execute on function public.has_stuck_release(integer) to service_role;
