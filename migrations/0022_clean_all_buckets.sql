-- storage_cleanup for every bucket: what it plans may be a folder or a single object, and a step of the clean-up is
-- claim_storage_cleanup -> list the folders -> find_stray_objects -> remove those -> finish_storage_cleanup.
--
-- A claim pushes due_at back, so that folders which fail again and again do not keep the others from their turn.
-- plan_id changes with every new plan: an upload that is planned between claim and removal voids the claim, and its
-- object, which no row names yet, stays.
alter table public.storage_cleanup
  add column if not exists bucket text not null default 'generated-images',
  add column if not exists is_object boolean not null default false,
  add column if not exists plan_id uuid not null default gen_random_uuid(),
  alter column image_id drop not null,
  drop constraint if exists storage_cleanup_image_known,
  add constraint storage_cleanup_image_known check (bucket <> 'generated-images' or image_id is not null);
comment on column public.storage_cleanup.is_object is 'True: folder is the path of one object.';
comment on column public.storage_cleanup.plan_id is 'New with every plan; a claim of an older plan removes nothing.';

do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint
    where conrelid = 'public.storage_cleanup'::regclass and contype = 'p' and cardinality(conkey) = 2
  ) then
    alter table public.storage_cleanup drop constraint storage_cleanup_pkey, add primary key (bucket, folder);
  end if;
end
$$;

-- Whether a row names an object is asked by its path.
create index if not exists idx_dataset_images_storage_path on public.dataset_images (storage_path);
create index if not exists idx_datasets_logo_path on public.datasets (logo_path) where logo_path is not null;

create or replace function public.plan_storage_cleanup() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.storage_cleanup (bucket, folder, image_id, due_at)
  values (
    'generated-images',
    public.generation_folder(old.user_id, old.id),
    old.id,
    now() + (select cleanup_delay from public.settings)
  )
  on conflict (bucket, folder) do update set due_at = excluded.due_at, plan_id = gen_random_uuid();
  return null;
end
$$;

-- plan_folder_cleanup: asked before an upload into a folder of dataset-images or logos. If no row names the object
-- when the time has come, because whoever uploaded it died, it is removed. The upload and its row have p_after_ms.
create or replace function public.plan_folder_cleanup(p_bucket text, p_folder text, p_after_ms integer) returns void
language sql security invoker set search_path = ''
as $$
  insert into public.storage_cleanup as c (bucket, folder, due_at)
  values (p_bucket, p_folder, now() + p_after_ms * interval '1 millisecond')
  on conflict (bucket, folder) do update
  set due_at = greatest(c.due_at, excluded.due_at), plan_id = gen_random_uuid()
$$;

-- plan_object_cleanup: these objects are removed once p_after has passed, unless a row names them then.
create or replace function public.plan_object_cleanup(
  p_bucket text, p_paths text[], p_after interval, p_image_id uuid default null
) returns void
language sql security invoker set search_path = ''
as $$
  insert into public.storage_cleanup (bucket, folder, is_object, image_id, due_at)
  select distinct p_bucket, path, true, p_image_id, now() + p_after from unnest(p_paths) path
  where path is not null order by path
  on conflict (bucket, folder) do update set due_at = excluded.due_at, plan_id = gen_random_uuid()
$$;

-- claim_storage_cleanup: what is due, the longest first; never an active row's. It comes again after ten minutes unless
-- it is finished. Answers [{"bucket", "folder", "is_object", "plan_id"}], at most 100.
create or replace function public.claim_storage_cleanup() returns jsonb
language sql security invoker set search_path = ''
as $$
  with due as (
    select c.bucket, c.folder
    from public.storage_cleanup c left join public.generated_images g on g.id = c.image_id
    where c.due_at <= now() and coalesce(g.status, '') not in ('pending', 'processing')
    order by c.due_at limit 100
  ),
  free as (
    select c.bucket, c.folder from public.storage_cleanup c join due using (bucket, folder)
    where c.due_at <= now()
    order by c.bucket, c.folder
    for update of c skip locked
  ),
  claimed as (
    update public.storage_cleanup c set due_at = now() + interval '10 minutes'
    from free where c.bucket = free.bucket and c.folder = free.folder
    returning c.bucket, c.folder, c.is_object, c.plan_id
  )
  select coalesce(jsonb_agg(to_jsonb(claimed)), '[]') from claimed
$$;

-- find_stray_objects: p_listed is [{"bucket", "folder", "plan_id", "paths"}]: claims, and what was found there after the
-- claim. Answers the claims that still hold, each with those of its paths that no row names. A deleted row names
-- nothing; in buckets that are not listed here everything is named.
create or replace function public.find_stray_objects(p_listed jsonb) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('bucket', c.bucket, 'folder', c.folder, 'plan_id', c.plan_id, 'paths', (
    select coalesce(jsonb_agg(path), '[]') from jsonb_array_elements_text(l.paths) path
    where not case c.bucket
      when 'generated-images' then coalesce(g.deleted_at is null and path in (g.storage_path, g.thumbnail_path), false)
      when 'dataset-images' then exists (select from public.dataset_images i where i.storage_path = path)
      when 'logos' then exists (select from public.datasets d where d.logo_path = path)
      else true
    end
  ))), '[]')
  from jsonb_to_recordset(p_listed) as l (bucket text, folder text, plan_id uuid, paths jsonb)
  join public.storage_cleanup c on c.bucket = l.bucket and c.folder = l.folder and c.plan_id = l.plan_id
  left join public.generated_images g on g.id = c.image_id
  where coalesce(g.status, '') not in ('pending', 'processing')
$$;

-- finish_storage_cleanup: p_finished is [{"bucket", "folder", "plan_id"}]: nothing stray is left there. What was planned
-- anew meanwhile stays.
create or replace function public.finish_storage_cleanup(p_finished jsonb) returns void
language sql security invoker set search_path = ''
as $$
  delete from public.storage_cleanup where (bucket, folder) in (
    select c.bucket, c.folder from public.storage_cleanup c
    join jsonb_to_recordset(p_finished) as f (bucket text, folder text, plan_id uuid) using (bucket, folder, plan_id)
    order by c.bucket, c.folder for update of c skip locked
  )
$$;

-- What workers of before this file ask: they know one bucket, and folders only.
create or replace function public.list_storage_cleanup() returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('folder', d.folder, 'keep', d.storage_path)), '[]')
  from (
    select c.folder, case when g.deleted_at is null then g.storage_path end as storage_path
    from public.storage_cleanup c left join public.generated_images g on g.id = c.image_id
    where c.bucket = 'generated-images' and not c.is_object
      and c.due_at <= now() and coalesce(g.status, '') not in ('pending', 'processing')
    order by c.due_at limit 100
  ) d
$$;
create or replace function public.finish_storage_cleanup(p_folders text[]) returns void
language sql security invoker set search_path = ''
as $$
  delete from public.storage_cleanup where (bucket, folder) in (
    select bucket, folder from public.storage_cleanup
    where bucket = 'generated-images' and not is_object and folder = any (p_folders) and due_at <= now()
    order by folder for update skip locked
  )
$$;

revoke execute on function public.plan_storage_cleanup(), public.plan_folder_cleanup(text, text, integer),
  public.plan_object_cleanup(text, text[], interval, uuid), public.claim_storage_cleanup(),
  public.find_stray_objects(jsonb), public.finish_storage_cleanup(jsonb), public.list_storage_cleanup(),
  public.finish_storage_cleanup(text[]) from public, anon, authenticated;
grant execute on function public.plan_folder_cleanup(text, text, integer),
  public.plan_object_cleanup(text, text[], interval, uuid), public.claim_storage_cleanup(),
  public.find_stray_objects(jsonb), public.finish_storage_cleanup(jsonb), public.list_storage_cleanup(),
  public.finish_storage_cleanup(text[]) to service_role;
