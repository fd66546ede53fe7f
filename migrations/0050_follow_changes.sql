-- What streams of events ask. Changes are announced through Redis, which may lose them, so whoever has a stream open also
-- asks here what has changed.
--
-- The audience of an image or a batch is whose streams hear of it: its user's, or of what has no user that lane's. It is
-- written out where it is asked for, as in the indexes, since nothing else would find those.

create index if not exists idx_generated_images_audience_changes on public.generated_images
  ((coalesce('user:' || user_id::text, lane_key)), updated_at, id);
create index if not exists idx_generated_images_audience_active on public.generated_images
  ((coalesce('user:' || user_id::text, lane_key)), id) where status in ('pending', 'processing');
create index if not exists idx_batches_audience_open on public.batches ((coalesce('user:' || user_id::text, lane_key)), id)
  where sealed_at is not null and ended_at is null;

-- list_changes: which images of each audience were written after a moment, oldest first, 1,000 of each at most; p_audiences is
-- [{"audience", "since", "id"}], where `id` goes on behind an image of that very moment, and may be null. Answers {"at": the
-- database's time, "changes": [{"audience", "id", "batch_id", "status_sequence"}], "more": as p_audiences, those to ask for
-- again}. A transaction that began before `since` may end after this was asked, so ask from a statement's time before `at` on.
-- What waits for the seal of its batch, or for being let into its lane, is not there yet. Changes that no client sees are
-- named too: status_sequence tells.
create or replace function public.list_changes(p_audiences jsonb) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  with asked as (
    select * from jsonb_to_recordset(p_audiences) as a (audience text, since timestamptz, id uuid)
  ),
  written as materialized (
    select a.audience, c.*
    from asked a cross join lateral (
      select g.id, g.batch_id, g.status_sequence, g.updated_at, row_number() over (order by g.updated_at, g.id) as place
      from public.generated_images g
      where coalesce('user:' || g.user_id::text, g.lane_key) = a.audience
        and (g.updated_at, g.id) > (a.since, coalesce(a.id, '00000000-0000-0000-0000-000000000000'))
        and (g.status <> 'pending' or g.not_before is distinct from 'infinity')
      order by g.updated_at, g.id limit 1000
    ) c
  )
  select jsonb_build_object(
    'at', now(),
    'changes', (
      select coalesce(jsonb_agg(
        jsonb_build_object('audience', w.audience, 'id', w.id, 'batch_id', w.batch_id, 'status_sequence', w.status_sequence)
        order by w.updated_at, w.id
      ), '[]') from written w
    ),
    'more', (
      select coalesce(jsonb_agg(jsonb_build_object('audience', w.audience, 'since', w.updated_at, 'id', w.id)), '[]')
      from written w where w.place = 1000
    )
  )
$$;

-- get_changes: {"at": the database's time, "images", "batches"}: those of the ids that are there, whoever they belong to, as get_generation and get_batch
-- answer them; deleted images are among them. Their reader decides who hears of them.
create or replace function public.get_changes(p_image_ids uuid[], p_batch_ids uuid[]) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'at', now(),
    'images', (
      select coalesce(jsonb_agg(public.generation_with_place(g)), '[]') from public.generated_images g
      where g.id = any (p_image_ids) and (g.status <> 'pending' or g.not_before is distinct from 'infinity')
    ),
    'batches', (
      select coalesce(jsonb_agg(public.batch_with_counts(b)), '[]') from public.batches b
      where b.id = any (p_batch_ids) and b.sealed_at is not null
    )
  )
$$;

-- get_event_snapshot: what a stream begins with: {"at": the database's time, "images", "batches"}: of an audience the images
-- that are under way, oldest first, p_limit at most, and its newest twenty open batches; with p_batch_id that batch and its
-- images only.
create or replace function public.get_event_snapshot(p_audience text, p_batch_id uuid, p_limit integer) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'at', now(),
    'images', (
      select coalesce(jsonb_agg(public.generation_with_place(a) order by a.id), '[]') from (
        select * from public.generated_images g
        where coalesce('user:' || g.user_id::text, g.lane_key) = p_audience and g.status in ('pending', 'processing')
          and (g.status <> 'pending' or g.not_before is distinct from 'infinity')
          and g.deleted_at is null and (p_batch_id is null or g.batch_id = p_batch_id)
        order by g.id limit p_limit
      ) a
    ),
    'batches', (
      select coalesce(jsonb_agg(public.batch_with_counts(o) order by o.id), '[]') from (
        (
          select * from public.batches b
          where coalesce('user:' || b.user_id::text, b.lane_key) = p_audience and b.sealed_at is not null
            and b.ended_at is null and p_batch_id is null
          order by b.id desc limit 20
        )
        union all
        select * from public.batches b
        where b.id = p_batch_id and coalesce('user:' || b.user_id::text, b.lane_key) = p_audience
          and b.sealed_at is not null
      ) o
    )
  )
$$;

revoke execute on function public.list_changes(jsonb), public.get_changes(uuid[], uuid[]),
  public.get_event_snapshot(text, uuid, integer) from public, anon, authenticated;
grant execute on function public.list_changes(jsonb), public.get_changes(uuid[], uuid[]),
  public.get_event_snapshot(text, uuid, integer) to service_role;
