-- A limit of how many images of one caller may be out at once, so that a caller who is alone does not have every slot
-- busy with calls of minutes when the next one comes. Fair order alone lets a lane have whatever no other lane wants.
-- release_generations (0059) keeps it.
alter table public.settings
  add column if not exists max_concurrency_per_caller integer check (max_concurrency_per_caller > 0);
comment on column public.settings.max_concurrency_per_caller is
  'Rows of one lane that may be out (released or processing) at once. Null: as many as nobody else wants.';

-- What admins see and change of the settings.
create or replace function public.get_limits() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'max_concurrency', s.max_concurrency, 'max_concurrency_per_caller', s.max_concurrency_per_caller,
    'max_starts_per_minute', s.max_starts_per_minute,
    'max_pending', s.max_pending, 'max_failures', s.max_failures, 'max_billable_calls', s.max_billable_calls
  ) from public.settings s
$$;

-- change_limits: those that p_changes names; null takes away the ones that may be null. Answers {"before", "after"}, each
-- as get_limits. 23514, 23502: a value that its column does not take; 22023: a limit that is unknown. They hold from
-- the next statement of whoever reads them.
create or replace function public.change_limits(p_changes jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_before jsonb;
begin
  perform from public.settings for update;
  v_before := public.get_limits();
  if p_changes - array(select jsonb_object_keys(v_before)) <> '{}' then
    raise exception 'unknown limit: %', p_changes using errcode = '22023';
  end if;
  update public.settings s
  set max_concurrency = n.max_concurrency, max_concurrency_per_caller = n.max_concurrency_per_caller,
      max_starts_per_minute = n.max_starts_per_minute,
      max_pending = n.max_pending, max_failures = n.max_failures, max_billable_calls = n.max_billable_calls
  from jsonb_to_record(v_before || p_changes) as n (
    max_concurrency integer, max_concurrency_per_caller integer, max_starts_per_minute integer, max_pending integer,
    max_failures integer, max_billable_calls integer
  );
  return jsonb_build_object('before', v_before, 'after', public.get_limits());
end
$$;
