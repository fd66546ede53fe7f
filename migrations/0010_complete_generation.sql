-- complete_generation: processing -> succeeded, by the worker that holds the claim.
--
-- p_image: {"image_url", "storage_path", "mime_type", "width", "height", "bytes", "sha256", "warnings", "usage",
-- "cost_usd", "upstream_ms", "upload_ms", "billed"}. `billed` false: this claim called nothing (it adopted what an
-- earlier attempt had stored). Answers the row; asking again with the same claim answers it again. No row: the claim
-- was lost, or the image was to be canceled and now is; then the object is nobody's and the worker removes it.

-- Token counts of two calls of one image, added. Null for none.
create or replace function public.add_usage(p_a jsonb, p_b jsonb) returns jsonb
language sql immutable set search_path = ''
as $$
  select case when p_a is null or p_b is null then coalesce(p_a, p_b) else jsonb_build_object(
    'input_tokens', coalesce((p_a ->> 'input_tokens')::integer, 0) + coalesce((p_b ->> 'input_tokens')::integer, 0),
    'output_tokens', coalesce((p_a ->> 'output_tokens')::integer, 0) + coalesce((p_b ->> 'output_tokens')::integer, 0),
    'total_tokens', coalesce((p_a ->> 'total_tokens')::integer, 0) + coalesce((p_b ->> 'total_tokens')::integer, 0)
  ) end
$$;

-- A call that the model worked on shows that quota lets calls through again: the hold that was probed is over.
create or replace function public.end_probe(p_model text) returns void
language sql security invoker set search_path = ''
as $$
  delete from public.pauses where scope in ('operator', 'project', 'model:' || p_model) and until <= now()
$$;

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
  end if;

  return query select to_jsonb(g) from public.generated_images g
  where g.id = p_id and g.claim_id = p_claim_id and g.status = 'succeeded';
end
$$;
revoke execute on function public.add_usage(jsonb, jsonb), public.end_probe(text),
  public.complete_generation(uuid, uuid, jsonb) from public, anon, authenticated;
grant execute on function public.add_usage(jsonb, jsonb), public.end_probe(text),
  public.complete_generation(uuid, uuid, jsonb) to service_role;

-- get_generation_end: where an image stands, for a worker that lost it and has an object to think about. No row: gone.
create or replace function public.get_generation_end(p_id uuid) returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('status', g.status, 'storage_path', g.storage_path)
  from public.generated_images g where g.id = p_id
$$;
revoke execute on function public.get_generation_end(uuid) from public, anon, authenticated;
grant execute on function public.get_generation_end(uuid) to service_role;
