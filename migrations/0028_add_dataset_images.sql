-- add_dataset_images: p_images, [{"id", "storage_path", "mime_type"}], become the dataset's last images in this order,
-- all of them or none. DRMAX, no row, and the same ids again: as add_dataset_image (0023) says.
create or replace function public.add_dataset_images(
  p_id uuid, p_user_id uuid, p_images jsonb, p_admin boolean default false
) returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_image jsonb;
begin
  for v_image in select e.image from jsonb_array_elements(p_images) with ordinality e (image, place) order by e.place loop
    perform public.add_dataset_image(p_id, p_user_id, v_image, p_admin);
    if not found then
      return;
    end if;
  end loop;
  return query select public.dataset_record(d) from public.datasets d
  where d.id = p_id and (p_admin or d.owner_id = p_user_id);
end
$$;

revoke execute on function public.add_dataset_images(uuid, uuid, jsonb, boolean) from public, anon, authenticated;
grant execute on function public.add_dataset_images(uuid, uuid, jsonb, boolean) to service_role;
