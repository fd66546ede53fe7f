-- What becomes of batches once they are sealed, and of those that never were.

-- batch_counts: images of a batch by status, with what they have cost so far. Deleted ones count as they ended.
create or replace function public.batch_counts(p_batch_id uuid) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'pending', coalesce(sum(s.n) filter (where s.status = 'pending'), 0),
    'processing', coalesce(sum(s.n) filter (where s.status = 'processing'), 0),
    'succeeded', coalesce(sum(s.n) filter (where s.status = 'succeeded'), 0),
    'failed', coalesce(sum(s.n) filter (where s.status = 'failed'), 0),
    'canceled', coalesce(sum(s.n) filter (where s.status = 'canceled'), 0),
    'expired', coalesce(sum(s.n) filter (where s.status = 'expired'), 0),
    'cost_usd', coalesce(sum(s.cost), 0)
  )
  from (
    select g.status, count(*) as n, sum(g.cost_usd) as cost
    from public.generated_images g where g.batch_id = p_batch_id group by g.status
  ) s
$$;

-- batch_with_counts: a batch as its reader sees it, with `next`: model and resolution of an image that is still to be made.
create or replace function public.batch_with_counts(p_batch public.batches) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_batch.id, 'user_id', p_batch.user_id, 'lane_key', p_batch.lane_key, 'name', p_batch.name, 'metadata', p_batch.metadata,
    'parent_id', p_batch.parent_id, 'total', p_batch.total, 'estimated_cost_usd', p_batch.estimated_cost_usd,
    'created_at', p_batch.created_at, 'canceled_at', p_batch.canceled_at, 'ended_at', p_batch.ended_at,
    'counts', coalesce(p_batch.counts, public.batch_counts(p_batch.id)),
    'next', case when p_batch.ended_at is null then (
      select jsonb_build_object('model', g.model, 'resolution', g.resolution) from public.generated_images g
      where g.batch_id = p_batch.id and g.status = 'pending' limit 1
    ) end
  )
$$;

-- get_batch: a sealed batch. No row: unknown, unsealed, or somebody else's.
create or replace function public.get_batch(p_id uuid, p_user_id uuid, p_admin boolean default false) returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.batch_with_counts(b) from public.batches b
  where b.id = p_id and b.sealed_at is not null and (p_admin or b.user_id = p_user_id)
$$;

-- list_batches: the caller's, newest first, from behind a cursor (created_at and id of the last one seen); p_limit is at
-- most 100. An admin sees all.
create or replace function public.list_batches(
  p_user_id uuid, p_limit integer, p_admin boolean default false, p_cursor_created_at timestamptz default null,
  p_cursor_id uuid default null
) returns jsonb
language plpgsql stable security invoker set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  v_items jsonb;
begin
  execute 'select coalesce(jsonb_agg(public.batch_with_counts(page) order by page.created_at desc, page.id desc), ''[]'')'
    || ' from (select * from public.batches where sealed_at is not null'
    || case when p_admin then '' else ' and user_id = $1' end
    || case when p_cursor_id is null then '' else ' and (created_at, id) < ($3, $4)' end
    || ' order by created_at desc, id desc limit least($2, 100)) page'
  into v_items using p_user_id, p_limit, p_cursor_created_at, p_cursor_id;
  return v_items;
end
$$;

-- cancel_batch: marks a sealed batch that has not ended; from then on none of its images is let into a lane. Its images
-- are canceled by cancel_batch_images. Answers the batch; asking again changes nothing. No row as with get_batch.
create or replace function public.cancel_batch(p_id uuid, p_user_id uuid, p_admin boolean default false) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  update public.batches b set canceled_at = now()
  where b.id = p_id and b.sealed_at is not null and b.canceled_at is null and b.ended_at is null
    and (p_admin or b.user_id = p_user_id);
  return query select public.get_batch(p_id, p_user_id, p_admin);
end
$$;

-- cancel_batch_images: of a canceled batch at most 1,000 images: pending -> canceled; processing -> cancel_requested_at, as
-- cancel_generation does. Answers {"canceled": [ids], "stopping": [ids], "more"}; more: ask again. Locks lanes (sorted),
-- then rows by id, skipping what is locked.
create or replace function public.cancel_batch_images(p_batch_id uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_ids uuid[];
  v_canceled uuid[];
  v_stopping uuid[];
begin
  if not exists (select from public.batches b where b.id = p_batch_id and b.canceled_at is not null) then
    return '{"canceled": [], "stopping": [], "more": false}';
  end if;
  v_ids := array(
    select f.id from (
      (select g.id from public.generated_images g where g.batch_id = p_batch_id and g.status = 'pending' limit 1000)
      union all
      (select g.id from public.generated_images g
        where g.batch_id = p_batch_id and g.status = 'processing' and g.cancel_requested_at is null limit 1000)
    ) f limit 1000
  );
  perform from public.lanes l
  where (l.lane_key, l.model) in (select g.lane_key, g.model from public.generated_images g where g.id = any (v_ids))
  order by l.lane_key, l.model
  for update;
  with found as (
    select g.id, g.lane_key, g.model, g.status, g.released_at is null and g.not_before is null as waited
    from public.generated_images g
    where g.id = any (v_ids) and (g.status = 'pending' or (g.status = 'processing' and g.cancel_requested_at is null))
    order by g.id
    for update skip locked
  ),
  changed as (
    update public.generated_images g
    set status = case found.status when 'pending' then 'canceled' else g.status end,
        completed_at = case found.status when 'pending' then now() end,
        cancel_requested_at = coalesce(g.cancel_requested_at, now())
    from found where g.id = found.id
    returning g.id, found.status as was, found.lane_key, found.model, found.waited
  ),
  lane_counts as (
    update public.lanes l set waiting = greatest(l.waiting - c.n, 0)
    from (select lane_key, model, count(*) as n from changed where was = 'pending' and waited group by 1, 2) c
    where l.lane_key = c.lane_key and l.model = c.model
  )
  select coalesce(array_agg(id) filter (where was = 'pending'), '{}'),
    coalesce(array_agg(id) filter (where was = 'processing'), '{}')
  into v_canceled, v_stopping from changed;
  return jsonb_build_object('canceled', to_jsonb(v_canceled), 'stopping', to_jsonb(v_stopping),
    'more', cardinality(v_ids) > 0);
end
$$;

-- advance_batches: what a process that died has left of open batches, a little at a time. Answers {"admit": [ids],
-- "cancel": [ids]}: at most 16 batches each, for admit_batch_images and cancel_batch_images. A batch whose images have all
-- ended is marked as ended, with its counts, once.
create or replace function public.advance_batches() returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
  with done as (
    select b.id from public.batches b
    where b.sealed_at is not null and b.ended_at is null and not exists (
      select from public.generated_images g where g.batch_id = b.id and g.status in ('pending', 'processing')
    )
    order by b.sealed_at, b.id limit 100
    for update of b skip locked
  )
  update public.batches b
  set ended_at = now(), admitted_at = coalesce(b.admitted_at, now()), counts = public.batch_counts(b.id)
  from done where b.id = done.id;
  return jsonb_build_object(
    'admit', (
      select coalesce(jsonb_agg(a.id), '[]') from (
        select b.id from public.batches b
        where b.sealed_at is not null and b.ended_at is null and b.admitted_at is null and b.canceled_at is null
        order by b.sealed_at, b.id limit 16
      ) a
    ),
    'cancel', (
      select coalesce(jsonb_agg(c.id), '[]') from (
        select b.id from public.batches b
        where b.sealed_at is not null and b.ended_at is null and b.canceled_at is not null
          and exists (
            select from public.generated_images g
            where g.batch_id = b.id
              and (g.status = 'pending' or (g.status = 'processing' and g.cancel_requested_at is null))
          )
        order by b.sealed_at, b.id limit 16
      ) c
    )
  );
end
$$;

-- discard_batch: an unsealed batch that will not be sealed goes, with what had come of it: at most 1,000 rows a call, then
-- the batch. Answers whether there is more to discard. Nothing was ever called for these rows.
create or replace function public.discard_batch(p_batch_id uuid) returns boolean
language plpgsql security invoker set search_path = ''
as $$
declare
  v_discarded integer;
begin
  perform from public.batches b where b.id = p_batch_id and b.sealed_at is null for update skip locked;
  if not found then
    return false;
  end if;
  delete from public.generated_images g where g.id in (
    select d.id from public.generated_images d where d.batch_id = p_batch_id order by d.id limit 1000 for update skip locked
  );
  get diagnostics v_discarded = row_count;
  if not exists (select from public.generated_images g where g.batch_id = p_batch_id) then
    delete from public.batches b where b.id = p_batch_id;
    return false;
  end if;
  return true;
end
$$;

-- drop_unsealed_batches: an upload that broke off, an hour after it began: discards a page. Answers whether there is more.
create or replace function public.drop_unsealed_batches() returns boolean
language plpgsql security invoker set search_path = ''
as $$
declare
  v_id uuid;
begin
  select b.id into v_id from public.batches b
  where b.sealed_at is null and b.created_at < now() - interval '1 hour'
  order by b.created_at, b.id limit 1;
  if not found then
    return false;
  end if;
  perform public.discard_batch(v_id);
  return true;
end
$$;

-- get_generation: as in 0025; an image of a batch that is not sealed is not there yet.
create or replace function public.get_generation(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.generation_with_place(g) from public.generated_images g
  where g.id = p_id and (p_admin or g.user_id is not distinct from p_user_id)
    and (g.batch_id is null or not exists (select from public.batches b where b.id = g.batch_id and b.sealed_at is null))
$$;

revoke execute on function public.batch_counts(uuid), public.batch_with_counts(public.batches),
  public.get_batch(uuid, uuid, boolean), public.list_batches(uuid, integer, boolean, timestamptz, uuid),
  public.cancel_batch(uuid, uuid, boolean), public.cancel_batch_images(uuid), public.advance_batches(),
  public.discard_batch(uuid), public.drop_unsealed_batches(), public.get_generation(uuid, uuid, boolean) from public, anon, authenticated;
grant execute on function public.batch_counts(uuid), public.batch_with_counts(public.batches),
  public.get_batch(uuid, uuid, boolean), public.list_batches(uuid, integer, boolean, timestamptz, uuid),
  public.cancel_batch(uuid, uuid, boolean), public.cancel_batch_images(uuid), public.advance_batches(),
  public.discard_batch(uuid), public.drop_unsealed_batches(), public.get_generation(uuid, uuid, boolean) to service_role;
