-- What holds for generated_images whoever writes it: an ended image stays as it ended, every visible change raises
-- status_sequence, every transition leaves an event, and no object is left behind in Storage.

-- Append-only audit of every transition; it goes only with its image.
create table if not exists public.generation_events (
  id bigint generated always as identity primary key,
  image_id uuid not null references public.generated_images (id) on delete cascade,
  from_status text,
  to_status text not null,
  attempt integer not null,
  worker_id uuid,
  error_code text,
  error jsonb,
  at timestamptz not null default clock_timestamp()
);
create index if not exists idx_generation_events_image_id on public.generation_events (image_id, id);

create or replace function public.guard_generated_image() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if new.status <> old.status and old.status in ('succeeded', 'failed', 'canceled', 'expired') then
    raise exception 'generated image % has ended as % and cannot become %', old.id, old.status, new.status;
  end if;
  if new.status in ('succeeded', 'canceled') then
    new.error := null;
  end if;
  new.updated_at := now();
  new.status_sequence := old.status_sequence;
  if (new.status, new.attempt, new.image_url, new.dataset_id, new.error, new.warnings,
      new.cancel_requested_at, new.deleted_at, new.thumbnail_path, new.cost_usd)
    is distinct from
     (old.status, old.attempt, old.image_url, old.dataset_id, old.error, old.warnings,
      old.cancel_requested_at, old.deleted_at, old.thumbnail_path, old.cost_usd)
  then
    new.status_sequence := old.status_sequence + 1;
  end if;
  return new;
end
$$;

create or replace function public.record_generation_event() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  -- The row keeps the error of an earlier attempt while it is active.
  v_own boolean := new.status in ('failed', 'expired')
    or (new.status = 'pending' and tg_op = 'UPDATE'
      and (new.failures > old.failures or new.error is distinct from old.error));
begin
  insert into public.generation_events (image_id, from_status, to_status, attempt, worker_id, error_code, error)
  values (
    new.id,
    case when tg_op = 'UPDATE' then old.status end,
    new.status,
    new.attempt,
    case when tg_op = 'UPDATE' then coalesce(new.worker_id, old.worker_id) end,
    case when v_own then coalesce(new.error_code, new.error ->> 'code') end,
    case when v_own then new.error end
  );
  return null;
end
$$;

-- The folder in the bucket generated-images that holds an image's attempts.
create or replace function public.generation_folder(p_user_id uuid, p_id uuid) returns text
language sql immutable set search_path = ''
as $$ select coalesce(p_user_id::text, 'anonymous') || '/' || p_id::text $$;

-- An attempt may upload after its image has ended, or has gone. Its folder is looked over some time later.
create or replace function public.plan_storage_cleanup() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.storage_cleanup (folder, image_id, due_at)
  values (
    public.generation_folder(old.user_id, old.id),
    old.id,
    now() + (select cleanup_delay from public.settings)
  )
  on conflict (folder) do update set due_at = excluded.due_at;
  return null;
end
$$;

-- An image that the service before this one inserts is the root of its lineage, as every first image is.
create or replace function public.set_generated_image_root() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  new.root_id := new.id;
  return new;
end
$$;
create or replace trigger set_generated_image_root before insert on public.generated_images
  for each row when (new.root_id is null) execute function public.set_generated_image_root();
create or replace trigger guard_generated_image before update on public.generated_images
  for each row execute function public.guard_generated_image();
create or replace trigger record_generation_insert after insert on public.generated_images
  for each row execute function public.record_generation_event();
create or replace trigger record_generation_event after update of status on public.generated_images
  for each row when (old.status <> new.status or old.attempt <> new.attempt) execute function public.record_generation_event();
create or replace trigger plan_cleanup_after_end after update of status on public.generated_images
  for each row when (
    new.status in ('succeeded', 'failed', 'canceled', 'expired')
    and (new.attempt > 1 or (new.attempt = 1 and new.status <> 'succeeded'))
  ) execute function public.plan_storage_cleanup();
create or replace trigger plan_cleanup_after_delete after delete on public.generated_images
  for each row when (old.attempt > 0) execute function public.plan_storage_cleanup();
