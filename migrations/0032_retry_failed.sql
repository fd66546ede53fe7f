-- retry_failed_generations: failed and expired rows -> pending copies of them.
--
-- A failed row stays as it ended; retry_id names its copy, so that none is retried twice whoever asks and however often.
alter table public.generated_images add column if not exists retry_id uuid;
comment on column public.generated_images.retry_id is 'The copy that an admin''s retry has made of this failed image.';

-- What may be retried, by when it ended; what it is filtered by is compared within the index.
create index if not exists idx_generated_images_failed on public.generated_images
  (completed_at, id, error_code, model, user_id)
  where status in ('failed', 'expired') and retry_id is null and deleted_at is null;

-- new_generation_id: a UUIDv7 of now; of those made in one millisecond the one with the greater p_order sorts behind.
create or replace function public.new_generation_id(p_order integer) returns uuid
language sql volatile security invoker set search_path = ''
as $$
  select (
    lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || '7' || lpad(to_hex(p_order % 4096), 3, '0')
    || right(replace(gen_random_uuid()::text, '-', ''), 16)
  )::uuid
$$;

-- list_retryable: failed and expired rows that ended from p_since until before p_until and have no copy by a retry, the
-- first ended first, at most p_limit. p_codes null: all but content_blocked, which a copy would be again. p_model and
-- p_user_id null do not filter.
create or replace function public.list_retryable(
  p_since timestamptz, p_until timestamptz, p_codes text[], p_model text, p_user_id uuid, p_limit integer
) returns setof public.generated_images
language sql stable security invoker set search_path = ''
as $$
  select g.* from public.generated_images g
  where g.status in ('failed', 'expired') and g.retry_id is null and g.deleted_at is null
    and g.completed_at >= p_since and (p_until is null or g.completed_at < p_until)
    and case when p_codes is null then g.error_code <> 'content_blocked' else g.error_code = any (p_codes) end
    and (p_model is null or g.model = p_model) and (p_user_id is null or g.user_id = p_user_id)
  order by g.completed_at, g.id limit p_limit
$$;

-- count_retryable: what a retry would make: {"images", "estimated_cost_usd"}, of at most p_limit.
create or replace function public.count_retryable(
  p_since timestamptz, p_until timestamptz, p_codes text[], p_model text, p_user_id uuid, p_limit integer
) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('images', count(*), 'estimated_cost_usd', coalesce(sum(r.estimated_cost_usd), 0))
  from public.list_retryable(p_since, p_until, p_codes, p_model, p_user_id, p_limit) r
$$;

-- retry_failed_generations: makes at most p_limit copies (1,000 at most) and answers {"images", "estimated_cost_usd"} of
-- them; none: nothing is left to retry.
--
-- A copy has its parent's owner, lane and request to the letter, as much time as that had, and the place at the end of
-- its lane. It belongs to no batch. max_pending does not hold for it: it was let in before. 23503: a user or a dataset was
-- deleted meanwhile; nothing was done, ask again.
--
-- One call at a time; that lock comes first and nobody else takes it. Then lanes (sorted), then the new rows, whose
-- foreign keys wait for a deletion, and only then the failed rows, by id: a deletion may hold those.
create or replace function public.retry_failed_generations(
  p_since timestamptz, p_until timestamptz, p_codes text[], p_model text, p_user_id uuid, p_limit integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_parents jsonb;
  v_ids uuid[];
  v_copies jsonb;
begin
  perform pg_advisory_xact_lock(727001, 3);
  select array_agg(r.id), jsonb_agg(jsonb_build_object('lane_key', r.lane_key, 'model', r.model)) into v_ids, v_parents
  from public.list_retryable(p_since, p_until, p_codes, p_model, p_user_id, least(p_limit, 1000)) r;
  if v_ids is null then
    return '{"images": 0, "estimated_cost_usd": 0}';
  end if;

  insert into public.lanes as l (lane_key, model, waiting)
  select p.lane_key, p.model, count(*) from jsonb_to_recordset(v_parents) as p (lane_key text, model text)
  group by 1, 2 order by 1, 2
  on conflict (lane_key, model) do update set waiting = l.waiting + excluded.waiting;

  with parent as (
    select g.*, row_number() over (order by g.id)::integer as place
    from public.generated_images g where g.id = any (v_ids)
  ),
  copied as (
    insert into public.generated_images (
      id, user_id, prompt, full_prompt, dataset_id, style, aspect_ratio, quality, format, resolution,
      reference_images, reference_images_count, unique_visual_elements, model, lane_key, metadata, webhook_url,
      estimated_cost_usd, parent_id, root_id, status, completed_at, deadline_at
    )
    select
      public.new_generation_id(p.place), p.user_id, p.prompt, p.full_prompt, p.dataset_id, p.style, p.aspect_ratio,
      p.quality, p.format, p.resolution, p.reference_images, p.reference_images_count, p.unique_visual_elements,
      p.model, p.lane_key, p.metadata, p.webhook_url, p.estimated_cost_usd, p.id, p.root_id, 'pending', null,
      now() + greatest(p.deadline_at - p.created_at, interval '1 minute')
    from parent p order by p.place
    returning id, parent_id, lane_key, model, estimated_cost_usd
  )
  select coalesce(jsonb_agg(to_jsonb(copied)), '[]') into v_copies from copied;

  -- A row may have gone with its user since it was found.
  update public.lanes l set waiting = greatest(l.waiting - gone.n, 0)
  from (
    select c.lane_key, c.model, sum(c.n) as n
    from (
      select p.lane_key, p.model, 1 as n from jsonb_to_recordset(v_parents) as p (lane_key text, model text)
      union all
      select c.lane_key, c.model, -1 from jsonb_to_recordset(v_copies) as c (lane_key text, model text)
    ) c
    group by 1, 2 having sum(c.n) > 0
  ) gone
  where l.lane_key = gone.lane_key and l.model = gone.model;

  perform from public.generated_images g where g.id = any (v_ids) order by g.id for update;
  update public.generated_images g set retry_id = c.id
  from jsonb_to_recordset(v_copies) as c (id uuid, parent_id uuid)
  where g.id = c.parent_id;

  return (
    select jsonb_build_object('images', count(*), 'estimated_cost_usd', coalesce(sum(c.estimated_cost_usd), 0))
    from jsonb_to_recordset(v_copies) as c (estimated_cost_usd numeric)
  );
end
$$;

revoke execute on function public.new_generation_id(integer),
  public.list_retryable(timestamptz, timestamptz, text[], text, uuid, integer),
  public.count_retryable(timestamptz, timestamptz, text[], text, uuid, integer),
  public.retry_failed_generations(timestamptz, timestamptz, text[], text, uuid, integer)
  from public, anon, authenticated;
grant execute on function public.new_generation_id(integer),
  public.list_retryable(timestamptz, timestamptz, text[], text, uuid, integer),
  public.count_retryable(timestamptz, timestamptz, text[], text, uuid, integer),
  public.retry_failed_generations(timestamptz, timestamptz, text[], text, uuid, integer)
  to service_role;
