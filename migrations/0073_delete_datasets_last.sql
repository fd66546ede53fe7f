-- delete_dataset, as in 0023, but a step either takes the dataset out of images or deletes it. One that did both held images
-- while it waited for whoever was making rows of the dataset: a retry of failed images locks those once it has made its
-- copies, and each waited for the other.

-- delete_dataset: answers {"id", "deleted"}. `deleted` false: it was one step, which took the dataset out of at most
-- 2,000 generated images, or some of them were just locked; ask again. A step stays within the time that a call may
-- take. It waits for rows of the dataset that are just being made, and holds no image then, so it is part of no deadlock.
-- The objects of the dataset's images and its logo go once jobs that were submitted before have had time to fetch them.
create or replace function public.delete_dataset(p_id uuid, p_user_id uuid, p_admin boolean default false)
returns setof jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_delay interval := (select cleanup_delay from public.settings);
  v_dataset public.datasets;
begin
  select * into v_dataset from public.lock_dataset(p_id, p_user_id, p_admin);
  if not found then
    return;
  end if;
  update public.generated_images set dataset_id = null
  where id in (
    select g.id from public.generated_images g where g.dataset_id = p_id order by g.id limit 2000 for update skip locked
  );
  if found then
    return next jsonb_build_object('id', p_id, 'deleted', false);
    return;
  end if;

  -- From here on no row of it can be made; those made until now are looked for.
  perform from public.datasets d where d.id = p_id for update;
  if exists (select from public.generated_images g where g.dataset_id = p_id) then
    return next jsonb_build_object('id', p_id, 'deleted', false);
    return;
  end if;

  perform public.plan_object_cleanup('logos', array[v_dataset.logo_path], v_delay);
  perform public.plan_object_cleanup('dataset-images', array(
    select i.storage_path from public.dataset_images i where i.dataset_id = p_id
  ), v_delay);
  delete from public.dataset_images where dataset_id = p_id;
  delete from public.datasets where id = p_id;
  return next jsonb_build_object('id', p_id, 'deleted', true);
end
$$;
