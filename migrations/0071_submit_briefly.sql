-- submit_generations, as in 0039, that need not answer whole rows. To make 16 rows of 75 columns into text took two fifths
-- of a submit, and nearly all of it is what the caller has just sent.

drop function if exists public.submit_generations(jsonb);

-- submit_generations: nothing -> pending.
--
-- p_items is an array of rows to be; ids are the caller's (UUIDv7). An id that is there already is left as it is,
-- so that a submit whose reply was lost may be repeated. All or nothing: an item that breaks a constraint (an unknown
-- dataset or user: 23503) refuses the whole call. Only what has no room is refused by itself.
--
-- An item may carry idempotency_scope, idempotency_key and request_hash. The key and the row are written together, and
-- of items with one key only the first makes a row, for 24 hours. A twin that is being written by another call is
-- waited for, 2 s at most: then 55P03. It may carry parent_id and root_id too: the image that it was made from, and the
-- first of that line; without root_id it is its own root; traceparent, the request that it came with;
-- and webhook_url, where its end is told.
--
-- Answers for each item the row with `asked_id`, `outcome` and `lane_place` (how many rows of the lane wait, of which a
-- new one is about the last). outcome: 'created'; 'replayed', the row that the key made before; 'key_reused', that row,
-- but it was asked for otherwise; 'gone', no row, for it was deleted since; 'queue_full', no row, for max_pending wait
-- under its lane_key: the first ones by id got the room that was left. Its key is free again. Two submits at once to
-- different models of one lane_key do not see each other's rows, so they may exceed the limit together.
--
-- With p_brief a row that this call has made is not answered whole: 'inserted', with `created_at`, `deadline_at` and
-- `lane_place`. All else of it is as its item says, or as every new row has it.
--
-- Locks keys (sorted), lanes (sorted), then inserts rows by id.
-- By index from the first day on, as 0056 says.
create or replace function public.submit_generations(p_items jsonb, p_brief boolean default false) returns jsonb
language plpgsql security invoker set search_path = '' set lock_timeout = '2s' set jit = off
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  v_asked jsonb;
  v_new jsonb;
  v_refused uuid[];
  v_inserted uuid[];
  v_counted jsonb;
begin
  insert into public.idempotency_keys as k (scope, key, request_hash, image_id)
  select distinct on (i.idempotency_scope, i.idempotency_key)
    i.idempotency_scope, i.idempotency_key, i.request_hash, i.id
  from jsonb_to_recordset(p_items) as i (id uuid, idempotency_scope text, idempotency_key text, request_hash text)
  where i.idempotency_key is not null
  order by i.idempotency_scope, i.idempotency_key, i.id
  on conflict (scope, key) do update
  set request_hash = excluded.request_hash, image_id = excluded.image_id, created_at = now()
  where k.created_at < now() - interval '24 hours';

  -- What each item comes to: its own row, or the one that its key made.
  select jsonb_agg(jsonb_build_object(
    'asked_id', i.id,
    'image_id', coalesce(k.image_id, i.id),
    'outcome', case
      when k.image_id is null or k.image_id = i.id then 'created'
      when k.request_hash = i.request_hash then 'replayed'
      else 'key_reused' end
  )) into v_asked
  from jsonb_to_recordset(p_items) as i (id uuid, idempotency_scope text, idempotency_key text, request_hash text)
  left join public.idempotency_keys k on k.scope = i.idempotency_scope and k.key = i.idempotency_key;

  v_new := p_items;
  if v_asked @? '$[*] ? (@.outcome != "created")' then
    select coalesce(jsonb_agg(i), '[]') into v_new
    from jsonb_array_elements(p_items) i
    where i -> 'id' in (select a -> 'asked_id' from jsonb_array_elements(v_asked) a where a ->> 'outcome' = 'created');
  end if;

  insert into public.lanes as l (lane_key, model, waiting)
  select i ->> 'lane_key', i ->> 'model', count(*)
  from jsonb_array_elements(v_new) i
  group by 1, 2 order by 1, 2
  on conflict (lane_key, model) do update set waiting = l.waiting + excluded.waiting;

  -- What has no room. The lanes count all of v_new by now; what is refused, or there already, is taken off below.
  select array_agg(n.id) into v_refused
  from (
    select full_lane.lane_key, (select s.max_pending from public.settings s) - full_lane.waiting + full_lane.added as room
    from (
      select c.lane_key, c.added, (select sum(l.waiting) from public.lanes l where l.lane_key = c.lane_key) as waiting
      from (select i ->> 'lane_key' as lane_key, count(*) as added from jsonb_array_elements(v_new) i group by 1) c
    ) full_lane
    where full_lane.waiting > (select s.max_pending from public.settings s)
  ) f
  cross join lateral (
    select i.id, row_number() over (order by i.id) as place
    from (select distinct (x ->> 'id')::uuid as id from jsonb_array_elements(v_new) x where x ->> 'lane_key' = f.lane_key) i
    where not exists (select from public.generated_images g where g.id = i.id)
  ) n
  where n.place > f.room;
  if v_refused is not null then
    delete from public.idempotency_keys k
    using jsonb_to_recordset(p_items) as i (id uuid, idempotency_scope text, idempotency_key text)
    where k.scope = i.idempotency_scope and k.key = i.idempotency_key and k.image_id = any (v_refused);
  end if;

  with inserted as (
    insert into public.generated_images (
      id, user_id, prompt, full_prompt, dataset_id, style, aspect_ratio, quality, format, resolution,
      reference_images, reference_images_count, unique_visual_elements, model, lane_key, metadata,
      estimated_cost_usd, parent_id, root_id, traceparent, webhook_url, status, completed_at,
      deadline_at
    )
    select
      i.id, i.user_id, i.prompt, i.full_prompt, i.dataset_id, i.style, i.aspect_ratio, i.quality, i.format,
      i.resolution, i.reference_images, jsonb_array_length(i.reference_images), i.unique_visual_elements, i.model,
      i.lane_key, i.metadata, i.estimated_cost_usd, i.parent_id, coalesce(i.root_id, i.id), i.traceparent,
      i.webhook_url, 'pending', null, now() + make_interval(secs => i.deadline_seconds)
    from jsonb_to_recordset(v_new) as i (
      id uuid, user_id uuid, prompt text, full_prompt text, dataset_id uuid, style text, aspect_ratio text,
      quality text, format text, resolution text, reference_images jsonb, unique_visual_elements jsonb, model text,
      lane_key text, metadata jsonb, estimated_cost_usd numeric, parent_id uuid, root_id uuid,
      traceparent text, webhook_url text, deadline_seconds double precision
    )
    where v_refused is null or i.id <> all (v_refused)
    order by i.id
    on conflict (id) do nothing
    returning id, lane_key, model
  )
  select array_agg(id), coalesce(jsonb_agg(jsonb_build_object('lane_key', lane_key, 'model', model)), '[]')
  into v_inserted, v_counted from inserted;

  -- A repeated submit has counted rows that wait already, or no longer; so has an id that came twice, or was refused.
  if coalesce(cardinality(v_inserted), 0) < jsonb_array_length(v_new) then
    update public.lanes l set waiting = greatest(l.waiting - again.n, 0)
    from (
      select c.lane_key, c.model, sum(c.n) as n
      from (
        select i ->> 'lane_key' as lane_key, i ->> 'model' as model, 1 as n from jsonb_array_elements(v_new) i
        union all
        select i ->> 'lane_key', i ->> 'model', -1 from jsonb_array_elements(v_counted) i
      ) c
      group by 1, 2 having sum(c.n) > 0
    ) again
    where l.lane_key = again.lane_key and l.model = again.model;
  end if;

  return (
    select jsonb_agg(
      case
        when g.id is null then '{}'::jsonb
        when a.brief then jsonb_build_object('created_at', g.created_at, 'deadline_at', g.deadline_at)
        else to_jsonb(g)
      end || jsonb_build_object(
        'asked_id', a.asked_id,
        'outcome', case
          when a.image_id = any (v_refused) then 'queue_full'
          when g.id is null or g.deleted_at is not null then 'gone'
          when a.brief then 'inserted'
          else a.outcome end,
        'lane_place', (select sum(l.waiting) from public.lanes l where l.lane_key = g.lane_key)
      ) order by a.asked_id)
    from (
      select distinct asked_id, image_id, outcome,
        p_brief and asked_id = image_id and coalesce(asked_id = any (v_inserted), false) as brief
      from jsonb_to_recordset(v_asked) as one (asked_id uuid, image_id uuid, outcome text)
    ) a
    left join public.generated_images g on g.id = a.image_id
  );
end
$$;
revoke execute on function public.submit_generations(jsonb, boolean) from public, anon, authenticated;
grant execute on function public.submit_generations(jsonb, boolean) to service_role;
