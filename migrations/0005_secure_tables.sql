-- Who may touch what. The API and the workers are service_role. A signed-in user reads only their own images and
-- writes none, so that a frontend can subscribe to them; anon reads nothing. Supabase grants everything on new
-- tables to all three roles, so what is not meant is taken away here.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'generated_images', 'settings', 'workers', 'lanes', 'pauses', 'storage_cleanup', 'idempotency_keys',
    'generation_events'
  ] loop
    execute format('alter table public.%I enable row level security', v_table);
    execute format('revoke all on public.%I from public, anon, authenticated', v_table);
    execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
  end loop;
  -- Triggers that run as the owner write the audit; nobody rewrites it.
  revoke all on public.generation_events from service_role;
  grant select on public.generation_events to service_role;
  revoke all on sequence public.generation_events_id_seq from public, anon, authenticated, service_role;
end
$$;

-- A user's own images, tombstones apart. The second, restrictive policy holds also against wider policies that the
-- table may have had before. The claim is read here instead of through auth.uid() so that the file also runs where
-- there is no auth schema.
grant select on public.generated_images to authenticated;
drop policy if exists generated_images_read_own on public.generated_images;
create policy generated_images_read_own on public.generated_images for select to authenticated
  using (
    deleted_at is null
    and user_id = (select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid)
  );
drop policy if exists generated_images_read_own_only on public.generated_images;
create policy generated_images_read_own_only on public.generated_images as restrictive to authenticated
  using (
    deleted_at is null
    and user_id = (select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid)
  );

revoke execute on function public.guard_generated_image(), public.record_generation_event(),
  public.plan_storage_cleanup(), public.set_generated_image_root(), public.generation_folder(uuid, uuid)
  from public, anon, authenticated;
grant execute on function public.generation_folder(uuid, uuid) to service_role;

do $$
begin
  if exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') and not exists (
    select from pg_catalog.pg_publication_tables
    where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = 'generated_images'
  ) then
    alter publication supabase_realtime add table public.generated_images;
  end if;
end
$$;
