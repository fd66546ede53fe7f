-- list_missing_functions: those of p_names that this database does not have; readiness asks it after a deployment.
create or replace function public.list_missing_functions(p_names text[]) returns text[]
language sql stable security invoker set search_path = ''
as $$
  select coalesce(array_agg(n order by n), '{}') from unnest(p_names) n
  where not exists (
    select from pg_catalog.pg_proc p where p.proname = n and p.pronamespace = 'public'::regnamespace
  )
$$;
revoke execute on function public.list_missing_functions(text[]) from public, anon, authenticated;
grant execute on function public.list_missing_functions(text[]) to service_role;
