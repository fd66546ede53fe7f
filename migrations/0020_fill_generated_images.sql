-- What 0002 left for a table with many rows: it takes its time here, and while it does the table can be read, and mostly
-- written. The rows that were there end when they were made, and are the roots of their lineage.
update public.generated_images
set created_at = coalesce(created_at, now()),
    completed_at = coalesce(created_at, now()),
    root_id = id
where status = 'succeeded' and root_id is null;

alter table public.generated_images
  validate constraint generated_images_status_known,
  validate constraint generated_images_image_when_succeeded,
  validate constraint generated_images_completed_when_ended,
  validate constraint generated_images_error_when_failed,
  validate constraint generated_images_claimed_when_processing,
  validate constraint generated_images_schedulable_when_active;

-- One index for each question that the queue asks; all are partial and stay as small as the queue is.
create index if not exists idx_generated_images_waiting on public.generated_images (lane_key, model, id)
  where status = 'pending' and released_at is null and not_before is null;
create index if not exists idx_generated_images_not_before on public.generated_images (not_before)
  where status = 'pending' and released_at is null and not_before is not null;
create index if not exists idx_generated_images_released on public.generated_images (lane_key, model)
  where released_at is not null and status in ('pending', 'processing');
create index if not exists idx_generated_images_worker_id on public.generated_images (worker_id)
  where status = 'processing';
create index if not exists idx_generated_images_deadline_at on public.generated_images (deadline_at)
  where status in ('pending', 'processing');

-- History: a caller's rows, newest first, by keyset.
create index if not exists idx_generated_images_history on public.generated_images (user_id, created_at desc, id desc)
  where deleted_at is null;
create index if not exists idx_generated_images_history_anonymous
  on public.generated_images (created_at desc, id desc) where user_id is null and deleted_at is null;

-- Last, for it is the one step here that keeps everybody out, if only while it looks.
alter table public.generated_images alter column created_at set not null;
