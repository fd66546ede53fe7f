-- Claims and completions of several images in one call, for workers whose jobs begin and end at about the same time. Only
-- the ordinary case is done here; `rest` names what is anything else, and what is locked, for claim_generation and
-- complete_generation to deal with one by one. So each row comes to what it would have come to there.
--
-- They lock rows, and pauses after them, and skip what is locked: they never wait, so they are part of no deadlock. Each
-- row is written once, so that its foreign keys are not checked again. Small functions are written out: PostgreSQL plans
-- those of language sql anew at each call. Rows are found by index, whatever is known of the table's size.

-- claim_generations: released pending rows -> processing, each fenced by its claim_id. p_claims: [{"id", "claim_id"}].
--
-- Answers {"claimed": [row], "rest": [claim_id]}. A row has what a worker needs of it. Ordinary is a row that is released
-- and pending, before its deadline, not to be canceled, of a model that is neither paused nor probing.
create or replace function public.claim_generations(p_worker_id uuid, p_claims jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
  set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_answer jsonb;
begin
  with asked as materialized (
    select c.id, c.claim_id from jsonb_to_recordset(p_claims) as c (id uuid, claim_id uuid)
  ),
  locked as materialized (
    select g.id, g.model from public.generated_images g
    where g.id in (select a.id from asked a)
      and g.status = 'pending' and g.released_at is not null and g.deadline_at > now() and g.cancel_requested_at is null
    order by g.id
    for update skip locked
  ),
  open_model as materialized (
    select m.model from (select distinct l.model from locked l offset 0) m
    where not exists (
      select from public.pauses p
      where p.scope in ('operator', 'operator:model:' || m.model, 'project', 'model:' || m.model)
    )
  ),
  -- Of two jobs for one row one gets it.
  ordinary as (
    select distinct on (l.id) l.id, a.claim_id
    from locked l join open_model m on m.model = l.model join asked a on a.id = l.id
    order by l.id, a.claim_id
  ),
  claimed as (
    update public.generated_images g
    set status = 'processing', claim_id = o.claim_id, worker_id = p_worker_id,
        attempt = g.attempt + 1, billable_calls = g.billable_calls + 1, started_at = coalesce(g.started_at, now())
    from ordinary o where g.id = o.id
    returning g.*
  )
  select jsonb_build_object(
    'claimed', coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', c.id, 'claim_id', c.claim_id, 'user_id', c.user_id, 'lane_key', c.lane_key, 'full_prompt', c.full_prompt,
        'model', c.model, 'aspect_ratio', c.aspect_ratio, 'resolution', c.resolution, 'format', c.format,
        'reference_images', c.reference_images, 'attempt', c.attempt, 'failures', c.failures,
        'billable_calls', c.billable_calls, 'error', c.error, 'deadline_at', c.deadline_at,
        'traceparent', c.traceparent, 'folder', coalesce(c.user_id::text, 'anonymous') || '/' || c.id::text,
        'call_allowed', c.billable_calls <= s.max_billable_calls and c.failures < s.max_failures,
        'max_failures', s.max_failures, 'max_billable_calls', s.max_billable_calls
      )) from claimed c, public.settings s
    ), '[]'),
    'rest', coalesce((
      select jsonb_agg(a.claim_id) from asked a where a.claim_id not in (select c.claim_id from claimed c)
    ), '[]')
  )
  into v_answer;
  return v_answer;
end
$$;

-- complete_generations: processing -> succeeded, by the worker that holds the claims. p_images: [{"id", "claim_id",
-- "image"}], each image as complete_generation takes it.
--
-- Answers {"completed": [{"claim_id", "timings"}], "rest": [claim_id]}. Ordinary is a row that is processed under this
-- claim and is not to be canceled, of whose folder everything is named.
create or replace function public.complete_generations(p_images jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
  set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_answer jsonb;
begin
  with asked as materialized (
    select c.id, c.claim_id, c.image, (c.image ->> 'billed')::boolean as billed
    from jsonb_to_recordset(p_images) as c (id uuid, claim_id uuid, image jsonb)
    where c.image ->> 'stray_path' is null
  ),
  locked as materialized (
    select g.id, g.claim_id, g.model from public.generated_images g
    where g.id in (select a.id from asked a) and g.status = 'processing' and g.cancel_requested_at is null
    order by g.id
    for update skip locked
  ),
  completed as (
    update public.generated_images g
    set status = 'succeeded', completed_at = now(),
        image_url = a.image ->> 'image_url',
        storage_path = a.image ->> 'storage_path',
        thumbnail_path = a.image ->> 'thumbnail_path',
        mime_type = a.image ->> 'mime_type',
        width = (a.image ->> 'width')::integer,
        height = (a.image ->> 'height')::integer,
        bytes = (a.image ->> 'bytes')::integer,
        sha256 = a.image ->> 'sha256',
        warnings = a.image -> 'warnings',
        billable_calls = g.billable_calls - case when a.billed then 0 else 1 end,
        usage = case when g.usage is null then nullif(a.image -> 'usage', 'null')
          else public.add_usage(g.usage, nullif(a.image -> 'usage', 'null')) end,
        cost_usd = coalesce(g.cost_usd, 0) + (a.image ->> 'cost_usd')::numeric,
        error = null,
        timings = jsonb_build_object(
          'queue_ms', round(extract(epoch from g.started_at - g.created_at) * 1000),
          'upstream_ms', a.image -> 'upstream_ms',
          'upload_ms', a.image -> 'upload_ms',
          'total_ms', round(extract(epoch from now() - g.created_at) * 1000)
        )
    from locked l join asked a on a.id = l.id and a.claim_id = l.claim_id
    where g.id = l.id
    returning g.claim_id, g.timings, g.model, a.billed
  ),
  -- What end_probe does, of all the models. A pause that is locked is being renewed, or ended.
  over as (
    select p.scope from public.pauses p
    where p.until <= now() and exists (select from completed c where c.billed) and (
      p.scope in ('operator', 'project')
      or p.scope in (select s.prefix || c.model from completed c, (values ('model:'), ('operator:model:')) s (prefix) where c.billed)
    )
    order by p.scope
    for update skip locked
  ),
  ended as (
    delete from public.pauses p using over o where p.scope = o.scope
  )
  select jsonb_build_object(
    'completed', coalesce((
      select jsonb_agg(jsonb_build_object('claim_id', c.claim_id, 'timings', c.timings)) from completed c
    ), '[]'),
    'rest', coalesce((
      select jsonb_agg(a.claim_id) from jsonb_to_recordset(p_images) as a (claim_id uuid)
      where a.claim_id not in (select c.claim_id from completed c)
    ), '[]')
  )
  into v_answer;
  return v_answer;
end
$$;
revoke execute on function public.claim_generations(uuid, jsonb), public.complete_generations(jsonb)
  from public, anon, authenticated;
grant execute on function public.claim_generations(uuid, jsonb), public.complete_generations(jsonb) to service_role;
