-- Images for the reads that come at about the same time, in one call. A call costs about a millisecond, most of it for the
-- plans of what it uses; an image more in it costs a tenth of that.

-- get_generations: images by id, each for who asks for it. p_asks: [{"id", "user_id", "admin"}], see 0025.
--
-- Answers an array in the order of p_asks, of rows as generation_with_place makes them. Null: unknown, somebody else's, or of
-- a batch that is not sealed.
create or replace function public.get_generations(p_asks jsonb) returns jsonb
language plpgsql stable security invoker set search_path = ''
  set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  return (
    select coalesce(jsonb_agg(case when g.id is not null then public.generation_with_place(g) end order by a.place), '[]')
    from rows from (jsonb_to_recordset(p_asks) as (id uuid, user_id uuid, admin boolean))
      with ordinality as a (id, user_id, admin, place)
    left join public.generated_images g on g.id = a.id
      and (a.admin or g.user_id is not distinct from a.user_id)
      and (g.batch_id is null or not exists (select from public.batches b where b.id = g.batch_id and b.sealed_at is null))
  );
end
$$;

-- get_generation: one of them, for APIs of an older version while they are replaced.
create or replace function public.get_generation(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select found.image
  from jsonb_array_elements(public.get_generations(jsonb_build_array(
    jsonb_build_object('id', p_id, 'user_id', p_user_id, 'admin', p_admin)
  ))) as found (image)
  where found.image <> 'null'
$$;

revoke execute on function public.get_generations(jsonb), public.get_generation(uuid, uuid, boolean) from public, anon, authenticated;
grant execute on function public.get_generations(jsonb), public.get_generation(uuid, uuid, boolean) to service_role;
