-- Gives generated_images its life before the image: state, fencing, schedule, result and reason.
--
-- The defaults of status and completed_at describe a finished image on purpose: the rows that are there, and
-- those that the service before this one still inserts while it is being replaced, are finished images.
-- submit_generations names every column itself.
alter table public.generated_images
  add column if not exists status text not null default 'succeeded',
  add column if not exists status_sequence integer not null default 1,
  add column if not exists attempt integer not null default 0,
  add column if not exists failures integer not null default 0,
  add column if not exists billable_calls integer not null default 0,
  add column if not exists claim_id uuid,
  add column if not exists worker_id uuid,
  add column if not exists lane_key text,
  add column if not exists released_at timestamptz,
  add column if not exists release_epoch integer not null default 0,
  add column if not exists not_before timestamptz,
  add column if not exists model text,
  add column if not exists reference_images jsonb not null default '[]',
  add column if not exists mime_type text,
  add column if not exists width integer,
  add column if not exists height integer,
  add column if not exists bytes integer,
  add column if not exists sha256 text,
  add column if not exists storage_path text,
  add column if not exists thumbnail_path text,
  add column if not exists warnings jsonb not null default '[]',
  add column if not exists error_code text,
  add column if not exists error jsonb,
  add column if not exists started_at timestamptz,
  add column if not exists completed_at timestamptz default now(),
  add column if not exists deadline_at timestamptz,
  add column if not exists cancel_requested_at timestamptz,
  add column if not exists deleted_at timestamptz,
  add column if not exists updated_at timestamptz not null default now(),
  add column if not exists batch_id uuid,
  add column if not exists custom_id text,
  add column if not exists parent_id uuid,
  add column if not exists root_id uuid,
  add column if not exists metadata jsonb not null default '{}',
  add column if not exists webhook_url text,
  add column if not exists traceparent text,
  add column if not exists usage jsonb,
  add column if not exists timings jsonb,
  add column if not exists estimated_cost_usd numeric,
  add column if not exists cost_usd numeric;

alter table public.generated_images alter column image_url drop not null;

-- An impossible row cannot exist. The rows that are there are looked at in 0020, where that locks nobody out.
alter table public.generated_images
  drop constraint if exists generated_images_status_known,
  add constraint generated_images_status_known
    check (status in ('pending', 'processing', 'succeeded', 'failed', 'canceled', 'expired')) not valid,
  drop constraint if exists generated_images_image_when_succeeded,
  add constraint generated_images_image_when_succeeded
    check ((status = 'succeeded') = (image_url is not null)) not valid,
  drop constraint if exists generated_images_completed_when_ended,
  add constraint generated_images_completed_when_ended
    check ((status in ('pending', 'processing')) = (completed_at is null)) not valid,
  drop constraint if exists generated_images_error_when_failed,
  add constraint generated_images_error_when_failed
    check ((status in ('failed', 'expired')) = (error_code is not null)) not valid,
  drop constraint if exists generated_images_claimed_when_processing,
  add constraint generated_images_claimed_when_processing check (
    (status <> 'processing' or (claim_id is not null and worker_id is not null and started_at is not null))
    and (status <> 'pending' or (claim_id is null and worker_id is null))
  ) not valid,
  drop constraint if exists generated_images_schedulable_when_active,
  add constraint generated_images_schedulable_when_active check (
    status not in ('pending', 'processing')
    or (deadline_at is not null and lane_key is not null and model is not null)
  ) not valid;
