/** The tables of the service before Darkroom, as they stand in its database. */
export const ORIGINAL_TABLES = `
  create table public.datasets (
    id uuid primary key default gen_random_uuid(),
    title text not null,
    tags text[] not null default '{}'
  );
  create table public.generated_images (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references auth.users (id) on delete cascade,
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
  create index idx_generated_images_user_id on public.generated_images (user_id);
  create index idx_generated_images_dataset_id on public.generated_images (dataset_id);
  create index idx_generated_images_created_at on public.generated_images (created_at)`;

/** Its insert: every one of the 14 columns, and no other. */
export const ORIGINAL_INSERT = `
  insert into public.generated_images (
    id, user_id, prompt, full_prompt, image_url, dataset_id, style, aspect_ratio, quality, format, resolution,
    reference_images_count, unique_visual_elements, created_at
  ) values ($1, $2, $3, $3, 'https://old.test/' || $3 || '.png', $4, 'photo', '1:1', 'high', 'png', '1K', 2, '["steam"]', $5)`;
