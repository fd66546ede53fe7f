-- Batches tell their end as images do, once all of their images have ended; each image tells its own where it says.

create or replace function public.tell_batch_end() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_status text := case when new.canceled_at is null then 'completed' else 'canceled' end;
begin
  perform public.add_webhook_delivery(
    'batch.' || v_status, new.user_id, new.webhook_url, null, new.id,
    jsonb_build_object(
      'id', new.id, 'status', v_status, 'batch_id', new.id, 'custom_id', null, 'metadata', new.metadata,
      'image_url', null, 'error', null,
      'counts', jsonb_build_object('total', new.total) || (coalesce(new.counts, '{}') - 'cost_usd')
    )
  );
  return null;
end
$$;
create or replace trigger tell_batch_end after update of ended_at on public.batches
  for each row when (
    new.webhook_url is not null and new.user_id is not null and old.ended_at is null and new.ended_at is not null
  ) execute function public.tell_batch_end();

-- open_batch: nothing -> unsealed. Opening one again that is there changes nothing. A batch that makes images of another one
-- again tells its end where that one does, unless it says otherwise.
create or replace function public.open_batch(p_batch jsonb) returns void
language sql security invoker set search_path = ''
as $$
  insert into public.batches (id, user_id, lane_key, name, metadata, parent_id, webhook_url, idempotency_scope,
    idempotency_key, request_hash)
  select b.id, b.user_id, b.lane_key, b.name, coalesce(b.metadata, '{}'), b.parent_id,
    coalesce(b.webhook_url, (select p.webhook_url from public.batches p where p.id = b.parent_id)),
    b.idempotency_scope, b.idempotency_key, b.request_hash
  from jsonb_to_record(p_batch) as b (
    id uuid, user_id uuid, lane_key text, name text, metadata jsonb, parent_id uuid, webhook_url text, idempotency_scope text,
    idempotency_key text, request_hash text
  )
  on conflict (id) do nothing
$$;

-- add_batch_images: writes pending rows that wait for the seal of their batch, all of p_items (1,000 at most) or none;
-- ids that are there already are left as they are. Answers true; false when there is no such unsealed batch, so nothing
-- was written. 23503: an unknown dataset or user; 23505: a custom_id that the batch has already. Locks the batch, so that
-- it is not sealed or removed meanwhile.
create or replace function public.add_batch_images(p_batch_id uuid, p_items jsonb) returns boolean
language plpgsql security invoker set search_path = ''
as $$
begin
  perform from public.batches b where b.id = p_batch_id and b.sealed_at is null for share;
  if not found then
    return false;
  end if;
  insert into public.generated_images (
    id, user_id, prompt, full_prompt, dataset_id, style, aspect_ratio, quality, format, resolution,
    reference_images, reference_images_count, unique_visual_elements, model, lane_key, metadata,
    estimated_cost_usd, parent_id, root_id, traceparent, batch_id, custom_id, webhook_url, not_before, status,
    completed_at, deadline_at
  )
  select
    i.id, i.user_id, i.prompt, i.full_prompt, i.dataset_id, i.style, i.aspect_ratio, i.quality, i.format,
    i.resolution, i.reference_images, jsonb_array_length(i.reference_images), i.unique_visual_elements, i.model,
    i.lane_key, i.metadata, i.estimated_cost_usd, i.parent_id, coalesce(i.root_id, i.id), i.traceparent,
    p_batch_id, i.custom_id, i.webhook_url, 'infinity', 'pending', null, now() + make_interval(secs => i.deadline_seconds)
  from jsonb_to_recordset(p_items) as i (
    id uuid, user_id uuid, prompt text, full_prompt text, dataset_id uuid, style text, aspect_ratio text,
    quality text, format text, resolution text, reference_images jsonb, unique_visual_elements jsonb, model text,
    lane_key text, metadata jsonb, estimated_cost_usd numeric, parent_id uuid, root_id uuid,
    traceparent text, custom_id text, webhook_url text, deadline_seconds double precision
  )
  order by i.id
  on conflict (id) do nothing;
  return true;
end
$$;

revoke execute on function public.tell_batch_end(), public.open_batch(jsonb), public.add_batch_images(uuid, jsonb)
  from public, anon, authenticated;
grant execute on function public.open_batch(jsonb), public.add_batch_images(uuid, jsonb) to service_role;
