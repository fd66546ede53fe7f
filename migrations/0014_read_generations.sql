-- Reads, each scoped to who asks: p_user_id is the signed-in user, null is an anonymous caller, who sees only images
-- of no user.

-- generation_with_place: a row with `lane_place`, its place among the rows of its lane that wait (1: the first), and
-- `released_place`, that among all released rows that no worker has claimed yet. Null for a row that does not stand
-- there, and for one with more than a thousand before it, so that the answer costs the same however long a lane is.
create or replace function public.generation_with_place(p_row public.generated_images) returns jsonb
language sql stable security invoker set search_path = ''
as $$
  select to_jsonb(p_row) || jsonb_build_object('lane_place', case
    when p_row.status = 'pending' and p_row.released_at is null and p_row.not_before is null then (
      select case when sum(before.n) <= 1000 then sum(before.n) end
      from public.lanes l cross join lateral (
        select count(*) as n from (
          select from public.generated_images w
          where w.lane_key = l.lane_key and w.model = l.model and w.id <= p_row.id
            and w.status = 'pending' and w.released_at is null and w.not_before is null
          limit 1001
        ) bounded
      ) before
      where l.lane_key = p_row.lane_key
    )
  end, 'released_place', case
    when p_row.status = 'pending' and p_row.released_at is not null then (
      select count(*) from public.generated_images r
      where r.status = 'pending' and r.released_at is not null
        and (r.released_at, r.id) <= (p_row.released_at, p_row.id)
    )
  end)
$$;

-- get_generation: one image. No row: unknown, or somebody else's.
create or replace function public.get_generation(p_id uuid, p_user_id uuid) returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select public.generation_with_place(g) from public.generated_images g where g.id = p_id and g.user_id is not distinct from p_user_id
$$;

-- list_generations: history, newest first, by offset or from behind a cursor (created_at and id of the last one
-- seen). p_limit is at most 1,000, so that an answer is never cut. Filters that are null do not filter.
--
-- The query is put together from the filters given, so that each form of it is planned for what it asks. Without
-- incremental sorts, or the planner walks the index on created_at through everybody's images to find one caller's.
create or replace function public.list_generations(
  p_user_id uuid, p_limit integer, p_offset integer default 0, p_dataset_id uuid default null,
  p_statuses text[] default null, p_before_created_at timestamptz default null, p_before_id uuid default null
) returns jsonb
language plpgsql stable security invoker set search_path = '' set enable_incremental_sort = off
as $$
declare
  v_items jsonb;
begin
  execute
    'select coalesce(jsonb_agg(public.generation_with_place(page) order by page.created_at desc, page.id desc), ''[]'') from ('
    || 'select * from public.generated_images where deleted_at is null'
    || case when p_user_id is null then ' and user_id is null' else ' and user_id = $1' end
    || case when p_dataset_id is not null then ' and dataset_id = $4' else '' end
    || case when p_statuses is not null then ' and status = any ($5)' else '' end
    || case when p_before_id is not null then ' and (created_at, id) < ($6, $7)' else '' end
    || ' order by created_at desc, id desc limit least($2, 1000) offset $3) page'
  into v_items
  using p_user_id, p_limit, p_offset, p_dataset_id, p_statuses, p_before_created_at, p_before_id;
  return v_items;
end
$$;

revoke execute on function public.generation_with_place(public.generated_images), public.get_generation(uuid, uuid),
  public.list_generations(uuid, integer, integer, uuid, text[], timestamptz, uuid) from public, anon, authenticated;
grant execute on function public.generation_with_place(public.generated_images), public.get_generation(uuid, uuid),
  public.list_generations(uuid, integer, integer, uuid, text[], timestamptz, uuid) to service_role;
