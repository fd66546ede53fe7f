-- count_lane_waiting: how many rows of a lane_key wait, of all models. It counts what lanes say, at any backlog.
create or replace function public.count_lane_waiting(p_lane_key text) returns integer
language sql stable security invoker set search_path = ''
as $$
  select coalesce(sum(l.waiting), 0)::integer from public.lanes l where l.lane_key = p_lane_key
$$;
revoke execute on function public.count_lane_waiting(text) from public, anon, authenticated;
grant execute on function public.count_lane_waiting(text) to service_role;
