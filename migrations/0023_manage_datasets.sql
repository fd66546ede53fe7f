-- Datasets: made, read, changed and deleted by their owner; one without owner is read by all and changed by an admin.
--
-- A function answers the dataset as {"id", "name", "brand", "vibe", "unique_visual_elements", "logo_path", "owner_id",
-- "images": [{"id", "position", "storage_path", "mime_type"}], "created_at", "updated_at"}. No row: unknown, or not the
-- caller's to see, or to change. p_user_id is the signed-in user, null an anonymous caller; p_admin sees and changes all.
--
-- The file is long because all of it shares that record, that scope and one order of locks: the dataset, then its
-- images, then generated images by id, then storage_cleanup.
alter table public.datasets
  add column if not exists name text,
  add column if not exists created_at timestamptz default now();

-- Datasets of the service before: what it demanded of a row, beside a key, is not known to those who make one here.
do $$
declare
  v_column record;
begin
  for v_column in
    select c.table_name, c.column_name from information_schema.columns c
    where c.table_schema = 'public' and c.is_nullable = 'NO' and c.column_default is null
      and c.is_identity = 'NO' and c.is_generated = 'NEVER'
      and (c.table_name = 'datasets' or (c.table_name = 'dataset_images'
        and c.column_name not in ('dataset_id', 'position', 'storage_path', 'mime_type')))
      and not exists (
        select from pg_catalog.pg_constraint k
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
        where k.conrelid = format('public.%I', c.table_name)::regclass and k.contype = 'p' and a.attname = c.column_name
      )
  loop
    execute format('alter table public.%I alter column %I drop not null', v_column.table_name, v_column.column_name);
  end loop;
end
$$;
update public.datasets set created_at = coalesce(updated_at, now()) where created_at is null;
alter table public.datasets alter column created_at set default now(), alter column created_at set not null;

create index if not exists idx_datasets_owner_id on public.datasets (owner_id, created_at desc, id desc);
create index if not exists idx_datasets_shared on public.datasets (created_at desc, id desc) where owner_id is null;
create index if not exists idx_datasets_created_at on public.datasets (created_at desc, id desc);

create or replace function public.dataset_record(p_dataset public.datasets) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_dataset.id, 'name', p_dataset.name, 'brand', p_dataset.brand, 'vibe', p_dataset.vibe,
    'unique_visual_elements', p_dataset.unique_visual_elements, 'logo_path', p_dataset.logo_path,
    'owner_id', p_dataset.owner_id, 'created_at', p_dataset.created_at, 'updated_at', p_dataset.updated_at,
    'images', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'id', i.id, 'position', i.position, 'storage_path', i.storage_path, 'mime_type', i.mime_type
      ) order by i.position, i.id), '[]')
      from public.dataset_images i where i.dataset_id = p_dataset.id and i.storage_path is not null
    )
  )
$$;

-- lock_dataset: the dataset, if the caller may change it, for a change of it or of its images. Submits that refer to it
-- need not wait.
create or replace function public.lock_dataset(p_id uuid, p_user_id uuid, p_admin boolean)
returns setof public.datasets
language sql security invoker set search_path = ''
as $$
  select d.* from public.datasets d where d.id = p_id and (p_admin or d.owner_id = p_user_id) for no key update
$$;

-- create_dataset: p_id is the caller's, so that a call whose reply was lost may be repeated. p_dataset: {"name",
-- "brand", "vibe", "unique_visual_elements"}. An admin may name any owner, or none; no row also for an anonymous caller,
-- and for an id that is another's dataset.
create or replace function public.create_dataset(p_id uuid, p_user_id uuid, p_dataset jsonb, p_admin boolean default false)
returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  if p_user_id is null and not p_admin then
    return;
  end if;
  insert into public.datasets (id, owner_id, name, brand, vibe, unique_visual_elements)
  values (
    p_id, p_user_id, p_dataset ->> 'name', p_dataset ->> 'brand', p_dataset ->> 'vibe',
    nullif(p_dataset -> 'unique_visual_elements', 'null')
  )
  on conflict (id) do nothing;
  return query select public.dataset_record(d) from public.datasets d
  where d.id = p_id and d.owner_id is not distinct from p_user_id;
end
$$;

create or replace function public.get_dataset(p_id uuid, p_user_id uuid, p_admin boolean default false) returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.dataset_record(d) from public.datasets d
  where d.id = p_id and (p_admin or d.owner_id is null or d.owner_id = p_user_id)
$$;

-- list_datasets: the caller's and those without owner, an admin's view of all; newest first, from behind a cursor.
-- p_limit is at most 1,000. The caller's and the ownerless ones are each read by their own index.
create or replace function public.list_datasets(
  p_user_id uuid, p_admin boolean default false, p_limit integer default 50,
  p_before_created_at timestamptz default null, p_before_id uuid default null
) returns jsonb
language plpgsql stable security invoker set search_path = '' set enable_incremental_sort = off
as $$
declare
  v_select text;
  v_items jsonb;
begin
  v_select := '(select * from public.datasets where %s'
    || case when p_before_id is not null then ' and (created_at, id) < ($3, $4)' else '' end
    || ' order by created_at desc, id desc limit least($2, 1000))';
  execute
    'select coalesce(jsonb_agg(public.dataset_record(page) order by page.created_at desc, page.id desc), ''[]'') from ('
    || case when p_admin then format(v_select, 'true')
      else 'select * from (' || format(v_select, 'owner_id = $1') || ' union all '
        || format(v_select, 'owner_id is null') || ') own_and_shared order by created_at desc, id desc limit least($2, 1000)'
    end || ') page'
  into v_items using p_user_id, p_limit, p_before_created_at, p_before_id;
  return v_items;
end
$$;

-- update_dataset: of name, brand, vibe and unique_visual_elements those that p_patch has; null empties one.
create or replace function public.update_dataset(p_id uuid, p_user_id uuid, p_patch jsonb, p_admin boolean default false)
returns setof jsonb
language sql security invoker set search_path = ''
as $$
  update public.datasets d
  set name = case when p_patch ? 'name' then p_patch ->> 'name' else d.name end,
      brand = case when p_patch ? 'brand' then p_patch ->> 'brand' else d.brand end,
      vibe = case when p_patch ? 'vibe' then p_patch ->> 'vibe' else d.vibe end,
      unique_visual_elements = case when p_patch ? 'unique_visual_elements'
        then nullif(p_patch -> 'unique_visual_elements', 'null') else d.unique_visual_elements end,
      updated_at = now()
  where d.id = p_id and (p_admin or d.owner_id = p_user_id)
  returning public.dataset_record(d)
$$;

-- delete_dataset: answers {"id", "deleted"}. `deleted` false: it was one step, which took the dataset out of at most
-- 2,000 generated images, or some of them were just locked; ask again. A step stays within the time that a call may
-- take, and waits for no image, so it is part of no deadlock. The objects of the dataset's images and its logo go once
-- jobs that were submitted before have had time to fetch them.
create or replace function public.delete_dataset(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_delay interval := (select cleanup_delay from public.settings);
  v_dataset public.datasets;
begin
  select * into v_dataset from public.lock_dataset(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;
  update public.generated_images set dataset_id = null
  where id in (
    select g.id from public.generated_images g where g.dataset_id = p_id order by g.id limit 2000 for update skip locked
  );
  if exists (select from public.generated_images g where g.dataset_id = p_id) then
    return next jsonb_build_object('id', p_id, 'deleted', false);
    return;
  end if;

  perform public.plan_object_cleanup('logos', array[v_dataset.logo_path], v_delay);
  perform public.plan_object_cleanup('dataset-images', array(
    select i.storage_path from public.dataset_images i where i.dataset_id = p_id
  ), v_delay);
  delete from public.dataset_images where dataset_id = p_id;
  delete from public.datasets where id = p_id;
  return next jsonb_build_object('id', p_id, 'deleted', true);
end
$$;

-- add_dataset_image: p_image, {"id", "storage_path", "mime_type"}, becomes the dataset's last image. Its object is
-- uploaded before, after plan_folder_cleanup. DRMAX: the dataset has 14 images, as many as Gemini takes beside a prompt;
-- two at once wait for each other, so there are never more. The same id again changes nothing.
create or replace function public.add_dataset_image(p_id uuid, p_user_id uuid, p_image jsonb, p_admin boolean default false)
returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  c_most constant integer := 14;
  v_image_id uuid := (p_image ->> 'id')::uuid;
  v_count integer;
  v_last integer;
begin
  perform public.lock_dataset(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;
  if not exists (select from public.dataset_images i where i.id = v_image_id and i.dataset_id = p_id) then
    select count(*), max(i.position) into v_count, v_last from public.dataset_images i where i.dataset_id = p_id;
    if v_count >= c_most then
      raise exception 'a dataset can have % images', c_most using errcode = 'DRMAX';
    end if;
    insert into public.dataset_images (id, dataset_id, position, storage_path, mime_type)
    values (v_image_id, p_id, coalesce(v_last + 1, 0), p_image ->> 'storage_path', p_image ->> 'mime_type');
    update public.datasets set updated_at = now() where id = p_id;
  end if;
  return query select public.dataset_record(d) from public.datasets d where d.id = p_id;
end
$$;

-- remove_dataset_image: answers the dataset without the image, also when it was not there. The object goes as after
-- delete_dataset.
create or replace function public.remove_dataset_image(
  p_id uuid, p_user_id uuid, p_image_id uuid, p_admin boolean default false
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_path text;
begin
  perform public.lock_dataset(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;
  delete from public.dataset_images i where i.id = p_image_id and i.dataset_id = p_id returning i.storage_path into v_path;
  if found then
    perform public.plan_object_cleanup('dataset-images', array[v_path], (select cleanup_delay from public.settings));
    update public.datasets set updated_at = now() where id = p_id;
  end if;
  return query select public.dataset_record(d) from public.datasets d where d.id = p_id;
end
$$;

-- set_dataset_logo: p_logo_path is an object in the bucket logos, uploaded before; null takes the logo away. The object
-- of the logo before goes at once: nothing but the dataset refers to it.
create or replace function public.set_dataset_logo(
  p_id uuid, p_user_id uuid, p_logo_path text, p_admin boolean default false
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_dataset public.datasets;
begin
  select * into v_dataset from public.lock_dataset(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;
  if v_dataset.logo_path is distinct from p_logo_path then
    update public.datasets set logo_path = p_logo_path, updated_at = now() where id = p_id;
    perform public.plan_object_cleanup('logos', array[v_dataset.logo_path], interval '0');
  end if;
  return query select public.dataset_record(d) from public.datasets d where d.id = p_id;
end
$$;

-- get_dataset_context: what a dataset gives to a prompt.
drop function if exists public.get_dataset_context(uuid, uuid);
create or replace function public.get_dataset_context(p_dataset_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', d.id, 'brand', d.brand, 'vibe', d.vibe, 'unique_visual_elements', d.unique_visual_elements,
    'reference_images', (
      select coalesce(jsonb_agg(jsonb_build_object('bucket', 'dataset-images', 'path', i.storage_path)
        order by i.position, i.id), '[]')
      from public.dataset_images i where i.dataset_id = d.id and i.storage_path is not null
    )
  )
  from public.datasets d where d.id = p_dataset_id and (p_admin or d.owner_id is null or d.owner_id = p_user_id)
$$;

revoke execute on function public.dataset_record(public.datasets), public.lock_dataset(uuid, uuid, boolean),
  public.create_dataset(uuid, uuid, jsonb, boolean), public.get_dataset(uuid, uuid, boolean),
  public.list_datasets(uuid, boolean, integer, timestamptz, uuid),
  public.update_dataset(uuid, uuid, jsonb, boolean), public.delete_dataset(uuid, uuid, boolean),
  public.add_dataset_image(uuid, uuid, jsonb, boolean), public.remove_dataset_image(uuid, uuid, uuid, boolean),
  public.set_dataset_logo(uuid, uuid, text, boolean), public.get_dataset_context(uuid, uuid, boolean)
  from public, anon, authenticated;
grant execute on function public.dataset_record(public.datasets), public.lock_dataset(uuid, uuid, boolean),
  public.create_dataset(uuid, uuid, jsonb, boolean), public.get_dataset(uuid, uuid, boolean),
  public.list_datasets(uuid, boolean, integer, timestamptz, uuid),
  public.update_dataset(uuid, uuid, jsonb, boolean), public.delete_dataset(uuid, uuid, boolean),
  public.add_dataset_image(uuid, uuid, jsonb, boolean), public.remove_dataset_image(uuid, uuid, uuid, boolean),
  public.set_dataset_logo(uuid, uuid, text, boolean), public.get_dataset_context(uuid, uuid, boolean)
  to service_role;
