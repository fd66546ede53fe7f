-- complete_generation: as in 0010; p_image also has "thumbnail_path" and "stray_path".
--
-- thumbnail_path: a small picture of the image, in the same folder; the image's own path where that is small enough; null
-- for none. stray_path: an object of that folder which may have been stored and is not named, because nobody knows how
-- its upload ended: it is removed later. An image without a second attempt is not looked over otherwise.
create or replace function public.complete_generation(p_id uuid, p_claim_id uuid, p_image jsonb) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_row public.generated_images;
  v_billed boolean := (p_image ->> 'billed')::boolean;
begin
  select * into v_row from public.generated_images g where g.id = p_id and g.claim_id = p_claim_id for update;
  if v_row.status = 'processing' and v_row.cancel_requested_at is not null then
    update public.generated_images
    set status = 'canceled', completed_at = now(),
        billable_calls = billable_calls - case when v_billed then 0 else 1 end,
        cost_usd = coalesce(cost_usd, 0) + (p_image ->> 'cost_usd')::numeric,
        usage = public.add_usage(usage, nullif(p_image -> 'usage', 'null'))
    where id = p_id;
    if v_billed then
      perform public.end_probe(v_row.model);
    end if;
    return;
  end if;

  if v_row.status = 'processing' then
    if v_billed then
      perform public.end_probe(v_row.model);
    end if;
    update public.generated_images g
    set status = 'succeeded', completed_at = now(),
        image_url = p_image ->> 'image_url',
        storage_path = p_image ->> 'storage_path',
        thumbnail_path = p_image ->> 'thumbnail_path',
        mime_type = p_image ->> 'mime_type',
        width = (p_image ->> 'width')::integer,
        height = (p_image ->> 'height')::integer,
        bytes = (p_image ->> 'bytes')::integer,
        sha256 = p_image ->> 'sha256',
        warnings = p_image -> 'warnings',
        billable_calls = g.billable_calls - case when v_billed then 0 else 1 end,
        usage = public.add_usage(g.usage, nullif(p_image -> 'usage', 'null')),
        cost_usd = coalesce(g.cost_usd, 0) + (p_image ->> 'cost_usd')::numeric,
        error = null,
        timings = jsonb_build_object(
          'queue_ms', round(extract(epoch from g.started_at - g.created_at) * 1000),
          'upstream_ms', p_image -> 'upstream_ms',
          'upload_ms', p_image -> 'upload_ms',
          'total_ms', round(extract(epoch from now() - g.created_at) * 1000)
        )
    where g.id = p_id;
    perform public.plan_object_cleanup(
      'generated-images', array[p_image ->> 'stray_path'], (select cleanup_delay from public.settings), p_id
    );
  end if;

  return query select to_jsonb(g) from public.generated_images g
  where g.id = p_id and g.claim_id = p_claim_id and g.status = 'succeeded';
end
$$;
revoke execute on function public.complete_generation(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.complete_generation(uuid, uuid, jsonb) to service_role;
