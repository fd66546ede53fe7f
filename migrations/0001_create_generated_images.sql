-- The tables that Darkroom starts from, as the service before it made them. A database that has them keeps
-- them and their rows; a new one gets them here, so that every later file finds the same ground.
--
-- Supabase's roles have to be there already: a migration that made them would make them wrong on hosted Supabase.
do $$
begin
  if (select count(*) from pg_catalog.pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 then
    raise exception 'This database lacks the roles anon, authenticated and service_role. Use a Supabase database, or the embedded stack, which makes them.';
  end if;
end
$$;

-- Datasets that are there already may be read by others than Darkroom: their row security and grants stay as they
-- are. Those made here are closed to all but service_role.
do $$
begin
  if to_regclass('public.datasets') is null then
    create table public.datasets (
      id uuid primary key default gen_random_uuid(),
      created_at timestamptz not null default now()
    );
    alter table public.datasets enable row level security;
    revoke all on public.datasets from public, anon, authenticated;
  end if;
  if to_regclass('public.dataset_images') is null then
    create table public.dataset_images (
      id uuid primary key default gen_random_uuid(),
      dataset_id uuid not null references public.datasets (id) on delete cascade,
      position integer not null default 0,
      storage_path text not null,
      mime_type text not null,
      created_at timestamptz not null default now()
    );
    alter table public.dataset_images enable row level security;
    revoke all on public.dataset_images from public, anon, authenticated;
  end if;
end
$$;
grant select, insert, update, delete on public.datasets, public.dataset_images to service_role;

-- Datasets that name their owner otherwise keep one: without an owner everybody could use them.
do $$
begin
  if not exists (
    select from information_schema.columns
    where table_schema = 'public' and table_name = 'datasets' and column_name = 'owner_id'
  ) then
    alter table public.datasets add column owner_id uuid;
    if exists (
      select from information_schema.columns
      where table_schema = 'public' and table_name = 'datasets' and column_name = 'user_id' and data_type = 'uuid'
    ) then
      execute 'update public.datasets set owner_id = user_id where user_id is not null';
    end if;
  end if;
end
$$;

-- owner_id has no foreign key to auth.users: see the note on side tables in 0003.
alter table public.datasets
  add column if not exists brand text,
  add column if not exists vibe text,
  add column if not exists unique_visual_elements jsonb,
  add column if not exists logo_path text,
  add column if not exists updated_at timestamptz not null default now();

comment on column public.datasets.owner_id is 'Null: everybody may use the dataset, an admin may change it.';

alter table public.dataset_images
  add column if not exists position integer not null default 0,
  add column if not exists storage_path text,
  add column if not exists mime_type text;
create index if not exists idx_dataset_images_dataset_id on public.dataset_images (dataset_id, position, id);

create table if not exists public.generated_images (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  prompt text not null,
  full_prompt text not null,
  image_url text not null,
  dataset_id uuid references public.datasets (id) on delete set null,
  style text,
  aspect_ratio text,
  quality text,
  format text,
  resolution text,
  reference_images_count integer default 0,
  unique_visual_elements jsonb,
  created_at timestamptz default now()
);
create index if not exists idx_generated_images_user_id on public.generated_images (user_id);
create index if not exists idx_generated_images_dataset_id on public.generated_images (dataset_id);
create index if not exists idx_generated_images_created_at on public.generated_images (created_at);

-- A table made above gets the foreign key that the original one has, where there are users to point at.
do $$
begin
  if to_regclass('auth.users') is not null and not exists (
    select from pg_catalog.pg_constraint
    where conrelid = 'public.generated_images'::regclass and confrelid = to_regclass('auth.users')
  ) then
    alter table public.generated_images
      add constraint generated_images_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade;
  end if;
end
$$;
