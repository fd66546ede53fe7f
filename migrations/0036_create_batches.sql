-- Batches: many images that are accepted together or not at all.
--
-- The images of a batch are written page by page, and none of them counts, shows or runs before the batch is sealed, which
-- is one small update: so 100,000 are all or nothing, though no statement may take more than 8 s. Until then they are
-- pending rows with not_before = 'infinity', which every function that looks for waiting rows passes over. After the seal
-- admit_batch_images lets them into their lanes, page by page again.

-- No foreign keys to auth.users: see the note on side tables in 0003.
create table if not exists public.batches (
  id uuid primary key,
  user_id uuid,
  lane_key text not null,
  name text,
  metadata jsonb not null default '{}',
  webhook_url text,
  parent_id uuid,
  total integer not null default 0 check (total >= 0),
  estimated_cost_usd numeric not null default 0,
  created_at timestamptz not null default now(),
  sealed_at timestamptz,
  admitted_at timestamptz,
  canceled_at timestamptz,
  ended_at timestamptz,
  counts jsonb,
  idempotency_scope text,
  idempotency_key text,
  request_hash text,
  check (sealed_at is not null or (admitted_at is null and canceled_at is null and ended_at is null))
);
comment on column public.batches.parent_id is 'The batch whose failed and expired images this one makes again.';
comment on column public.batches.admitted_at is 'Since when all of its images stand in their lanes, or have ended.';
comment on column public.batches.counts is 'Images by status and what they cost, kept once all have ended: they never change again.';

create unique index if not exists idx_batches_idempotency_key on public.batches (idempotency_scope, idempotency_key)
  where sealed_at is not null and idempotency_key is not null;
create index if not exists idx_batches_own on public.batches (user_id, created_at desc, id desc) where sealed_at is not null;
create index if not exists idx_batches_all on public.batches (created_at desc, id desc) where sealed_at is not null;
create index if not exists idx_batches_unsealed on public.batches (created_at, id) where sealed_at is null;
create index if not exists idx_batches_open on public.batches (sealed_at, id) where sealed_at is not null and ended_at is null;

-- What counts and pages of a batch are read by.
create index if not exists idx_generated_images_batch_counts on public.generated_images (batch_id, status)
  include (cost_usd) where batch_id is not null;
create unique index if not exists idx_generated_images_custom_id on public.generated_images (batch_id, custom_id)
  where batch_id is not null and custom_id is not null;
create index if not exists idx_generated_images_staged on public.generated_images (batch_id, id)
  where status = 'pending' and not_before = 'infinity';

alter table public.batches enable row level security;
revoke all on public.batches from public, anon, authenticated;
grant select, insert, update, delete on public.batches to service_role;

-- A signed-in user sees their own sealed batches, and of their images those that are in none or in a sealed one.
grant select on public.batches to authenticated;
drop policy if exists batches_read_own on public.batches;
create policy batches_read_own on public.batches for select to authenticated
  using (
    sealed_at is not null
    and user_id = (select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid)
  );
drop policy if exists generated_images_read_sealed_only on public.generated_images;
create policy generated_images_read_sealed_only on public.generated_images as restrictive for select to authenticated
  using (batch_id is null or exists (select from public.batches b where b.id = batch_id and b.sealed_at is not null));

-- open_batch: nothing -> unsealed. Opening one again that is there changes nothing.
create or replace function public.open_batch(p_batch jsonb) returns void
language sql security invoker set search_path = ''
as $$
  insert into public.batches (id, user_id, lane_key, name, metadata, parent_id, idempotency_scope, idempotency_key, request_hash)
  select b.id, b.user_id, b.lane_key, b.name, coalesce(b.metadata, '{}'), b.parent_id, b.idempotency_scope,
    b.idempotency_key, b.request_hash
  from jsonb_to_record(p_batch) as b (
    id uuid, user_id uuid, lane_key text, name text, metadata jsonb, parent_id uuid, idempotency_scope text,
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
    estimated_cost_usd, parent_id, root_id, traceparent, batch_id, custom_id, not_before, status, completed_at, deadline_at
  )
  select
    i.id, i.user_id, i.prompt, i.full_prompt, i.dataset_id, i.style, i.aspect_ratio, i.quality, i.format,
    i.resolution, i.reference_images, jsonb_array_length(i.reference_images), i.unique_visual_elements, i.model,
    i.lane_key, i.metadata, i.estimated_cost_usd, i.parent_id, coalesce(i.root_id, i.id), i.traceparent,
    p_batch_id, i.custom_id, 'infinity', 'pending', null, now() + make_interval(secs => i.deadline_seconds)
  from jsonb_to_recordset(p_items) as i (
    id uuid, user_id uuid, prompt text, full_prompt text, dataset_id uuid, style text, aspect_ratio text,
    quality text, format text, resolution text, reference_images jsonb, unique_visual_elements jsonb, model text,
    lane_key text, metadata jsonb, estimated_cost_usd numeric, parent_id uuid, root_id uuid,
    traceparent text, custom_id text, deadline_seconds double precision
  )
  order by i.id
  on conflict (id) do nothing;
  return true;
end
$$;

-- copy_failed_images: as add_batch_images, of the failed and expired images of another batch behind p_after (null: from the
-- first), at most p_limit; deleted ones are left out. A copy has its parent's request to the letter and as much time as
-- that had. Answers {"copied", "last"}: none copied, nothing is left.
create or replace function public.copy_failed_images(p_batch_id uuid, p_from_batch_id uuid, p_after uuid, p_limit integer)
returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_answer jsonb;
begin
  perform from public.batches b where b.id = p_batch_id and b.sealed_at is null for share;
  with parent as (
    select g.*, row_number() over (order by g.id)::integer as place
    from public.generated_images g
    where g.batch_id = p_from_batch_id and g.status in ('failed', 'expired') and g.deleted_at is null
      and (p_after is null or g.id > p_after)
    order by g.id limit least(p_limit, 1000)
  ),
  copied as (
    insert into public.generated_images (
      id, user_id, prompt, full_prompt, dataset_id, style, aspect_ratio, quality, format, resolution,
      reference_images, reference_images_count, unique_visual_elements, model, lane_key, metadata, webhook_url,
      estimated_cost_usd, parent_id, root_id, batch_id, custom_id, not_before, status, completed_at, deadline_at
    )
    select
      public.new_generation_id(p.place), p.user_id, p.prompt, p.full_prompt, p.dataset_id, p.style, p.aspect_ratio,
      p.quality, p.format, p.resolution, p.reference_images, p.reference_images_count, p.unique_visual_elements,
      p.model, p.lane_key, p.metadata, p.webhook_url, p.estimated_cost_usd, p.id, p.root_id, p_batch_id, p.custom_id,
      'infinity', 'pending', null, now() + greatest(p.deadline_at - p.created_at, interval '1 minute')
    from parent p order by p.place
    returning parent_id
  )
  select jsonb_build_object('copied', count(*), 'last', (array_agg(parent_id order by parent_id desc))[1]) into v_answer
  from copied;
  return v_answer;
end
$$;

-- seal_batch: unsealed -> sealed, if it has p_total images, which is how its maker knows that all have come.
--
-- Answers {"outcome", "id"}: 'sealed' (also when it was before); 'replayed', with the batch that the same Idempotency-Key
-- has sealed before from the same request; 'key_reused', the same from another request; 'queue_full', for max_pending rows
-- would wait in its lane; 'incomplete'; 'gone'. All but the first leave it unsealed, to be discarded.
-- p_request_hash: of a request that was only whole at its end. Locks the batch.
create or replace function public.seal_batch(p_batch_id uuid, p_total integer, p_request_hash text default null) returns jsonb
language plpgsql security invoker set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_batch public.batches;
  v_twin public.batches;
  v_total integer;
  v_cost numeric;
  v_hash text;
begin
  select * into v_batch from public.batches b where b.id = p_batch_id for update;
  if not found then
    return '{"outcome": "gone"}';
  end if;
  v_hash := coalesce(p_request_hash, v_batch.request_hash);
  if v_batch.sealed_at is not null then
    return jsonb_build_object('outcome', 'sealed', 'id', p_batch_id);
  end if;
  select count(*), coalesce(sum(g.estimated_cost_usd), 0) into v_total, v_cost
  from public.generated_images g where g.batch_id = p_batch_id;
  if v_total <> p_total then
    return '{"outcome": "incomplete"}';
  end if;
  if v_total + (select coalesce(sum(l.waiting), 0) from public.lanes l where l.lane_key = v_batch.lane_key)
    > (select s.max_pending from public.settings s)
  then
    return '{"outcome": "queue_full"}';
  end if;
  if v_batch.idempotency_key is not null then
    update public.batches b set idempotency_key = null
    where b.idempotency_scope = v_batch.idempotency_scope and b.idempotency_key = v_batch.idempotency_key
      and b.sealed_at < now() - interval '24 hours';
  end if;
  begin
    update public.batches b
    set sealed_at = now(), total = v_total, estimated_cost_usd = v_cost, request_hash = v_hash,
        admitted_at = case when v_total = 0 then now() end
    where b.id = p_batch_id;
  exception when unique_violation then
    select * into v_twin from public.batches b
    where b.idempotency_scope = v_batch.idempotency_scope and b.idempotency_key = v_batch.idempotency_key
      and b.sealed_at is not null;
    return jsonb_build_object(
      'outcome', case when v_twin.request_hash = v_hash then 'replayed' else 'key_reused' end, 'id', v_twin.id
    );
  end;
  return jsonb_build_object('outcome', 'sealed', 'id', p_batch_id);
end
$$;

-- admit_batch_images: staged rows of a sealed batch -> waiting in their lanes, at most 1,000. Answers how many; 0 means
-- that none is left, which the batch remembers. Safe to do by many at once, and again. Locks lanes (sorted), then rows by
-- id, skipping what is locked; the batch last.
create or replace function public.admit_batch_images(p_batch_id uuid) returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  v_ids uuid[];
  v_admitted integer;
begin
  if not exists (
    select from public.batches b
    where b.id = p_batch_id and b.sealed_at is not null and b.admitted_at is null and b.canceled_at is null
  ) then
    return 0;
  end if;
  v_ids := array(
    select g.id from public.generated_images g
    where g.batch_id = p_batch_id and g.status = 'pending' and g.not_before = 'infinity' order by g.id limit 1000
  );
  if cardinality(v_ids) = 0 then
    update public.batches b set admitted_at = now() where b.id = p_batch_id and b.admitted_at is null;
    return 0;
  end if;
  insert into public.lanes (lane_key, model)
  select distinct g.lane_key, g.model from public.generated_images g where g.id = any (v_ids)
  order by 1, 2
  on conflict (lane_key, model) do nothing;
  perform from public.lanes l
  where (l.lane_key, l.model) in (select g.lane_key, g.model from public.generated_images g where g.id = any (v_ids))
  order by l.lane_key, l.model
  for update;
  with found as (
    select g.id from public.generated_images g
    where g.id = any (v_ids) and g.status = 'pending' and g.not_before = 'infinity'
    order by g.id
    for update skip locked
  ),
  admitted as (
    update public.generated_images g set not_before = null from found where g.id = found.id
    returning g.lane_key, g.model
  ),
  counted as (
    update public.lanes l set waiting = l.waiting + a.n
    from (select lane_key, model, count(*) as n from admitted group by 1, 2) a
    where l.lane_key = a.lane_key and l.model = a.model
  )
  select count(*) into v_admitted from admitted;
  -- All were locked by somebody else, who will be done in a moment.
  return greatest(v_admitted, 1);
end
$$;

revoke execute on function public.open_batch(jsonb), public.add_batch_images(uuid, jsonb),
  public.copy_failed_images(uuid, uuid, uuid, integer), public.seal_batch(uuid, integer, text),
  public.admit_batch_images(uuid) from public, anon, authenticated;
grant execute on function public.open_batch(jsonb), public.add_batch_images(uuid, jsonb),
  public.copy_failed_images(uuid, uuid, uuid, integer), public.seal_batch(uuid, integer, text),
  public.admit_batch_images(uuid) to service_role;
