-- submit_generations: nothing -> pending.
--
-- p_items is an array of rows to be; ids are the caller's (UUIDv7). An id that is there already is left as it is,
-- so that a submit whose reply was lost may be repeated. Answers all rows of p_items, old and new, by id, with
-- `lane_place`: how many rows of the lane wait, of which a new one is about the last.
-- All or nothing: an item that breaks a constraint (an unknown dataset or user: 23503) refuses the whole call.
-- Locks lanes (sorted), then inserts rows by id.
create or replace function public.submit_generations(p_items jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_inserted uuid[];
  v_counted jsonb;
begin
  insert into public.lanes as l (lane_key, model, waiting)
  select i ->> 'lane_key', i ->> 'model', count(*)
  from jsonb_array_elements(p_items) i
  group by 1, 2 order by 1, 2
  on conflict (lane_key, model) do update set waiting = l.waiting + excluded.waiting;

  with inserted as (
    insert into public.generated_images (
      id, user_id, prompt, full_prompt, dataset_id, style, aspect_ratio, quality, format, resolution,
      reference_images, reference_images_count, unique_visual_elements, model, lane_key, metadata,
      estimated_cost_usd, root_id, status, completed_at, deadline_at
    )
    select
      i.id, i.user_id, i.prompt, i.full_prompt, i.dataset_id, i.style, i.aspect_ratio, i.quality, i.format,
      i.resolution, i.reference_images, jsonb_array_length(i.reference_images), i.unique_visual_elements, i.model,
      i.lane_key, i.metadata, i.estimated_cost_usd, i.id, 'pending', null,
      now() + make_interval(secs => i.deadline_seconds)
    from jsonb_to_recordset(p_items) as i (
      id uuid, user_id uuid, prompt text, full_prompt text, dataset_id uuid, style text, aspect_ratio text,
      quality text, format text, resolution text, reference_images jsonb, unique_visual_elements jsonb, model text,
      lane_key text, metadata jsonb, estimated_cost_usd numeric, deadline_seconds double precision
    )
    order by i.id
    on conflict (id) do nothing
    returning id, lane_key, model
  )
  select array_agg(id), coalesce(jsonb_agg(jsonb_build_object('lane_key', lane_key, 'model', model)), '[]')
  into v_inserted, v_counted from inserted;

  -- A repeated submit has counted rows that wait already, or no longer; so has an id that came twice.
  if coalesce(cardinality(v_inserted), 0) < jsonb_array_length(p_items) then
    update public.lanes l set waiting = greatest(l.waiting - again.n, 0)
    from (
      select c.lane_key, c.model, sum(c.n) as n
      from (
        select i ->> 'lane_key' as lane_key, i ->> 'model' as model, 1 as n from jsonb_array_elements(p_items) i
        union all
        select i ->> 'lane_key', i ->> 'model', -1 from jsonb_array_elements(v_counted) i
      ) c
      group by 1, 2 having sum(c.n) > 0
    ) again
    where l.lane_key = again.lane_key and l.model = again.model;
  end if;

  return (
    select coalesce(jsonb_agg(to_jsonb(g) || jsonb_build_object('lane_place', (
      select sum(l.waiting) from public.lanes l where l.lane_key = g.lane_key
    )) order by g.id), '[]')
    from public.generated_images g
    where g.id in (select (i ->> 'id')::uuid from jsonb_array_elements(p_items) i)
  );
end
$$;
revoke execute on function public.submit_generations(jsonb) from public, anon, authenticated;
grant execute on function public.submit_generations(jsonb) to service_role;
