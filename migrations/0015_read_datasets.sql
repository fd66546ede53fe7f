-- get_dataset_context: what a dataset gives to a prompt. No row: unknown, or somebody else's.
create or replace function public.get_dataset_context(p_dataset_id uuid, p_user_id uuid) returns setof jsonb
language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'id', d.id, 'brand', d.brand, 'vibe', d.vibe, 'unique_visual_elements', d.unique_visual_elements,
    'reference_images', (
      select coalesce(jsonb_agg(jsonb_build_object('bucket', 'dataset-images', 'path', i.storage_path)
        order by i.position, i.id), '[]')
      from public.dataset_images i where i.dataset_id = d.id
    )
  )
  from public.datasets d where d.id = p_dataset_id and (d.owner_id is null or d.owner_id = p_user_id)
$$;
revoke execute on function public.get_dataset_context(uuid, uuid) from public, anon, authenticated;
grant execute on function public.get_dataset_context(uuid, uuid) to service_role;
